"""Damaged sound files: read, read in part with an error, or refused, by one line each."""

import fuzz_audio


def test_no_damaged_sound_file_is_read_wrongly():
    """`make fuzz` runs a thousand."""
    counts, wrong, peak_mb = fuzz_audio.run(60)
    assert not wrong
    total = sum(counts.values(), start=type(next(iter(counts.values())))())
    assert total.total() == 60
    assert min(total[outcome] for outcome in fuzz_audio.GOOD) > 5
    assert 0 < peak_mb < 500
    assert "| all | 60 |" in fuzz_audio.table(counts)
