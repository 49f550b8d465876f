"""Damaged sound files: read, read in part with an error, or refused, by one line each."""

from collections import Counter

import fuzz_audio
import fuzzing


def test_no_damaged_sound_file_is_read_wrongly():
    """`make fuzz` runs a thousand."""
    outcomes = fuzz_audio.run(60)
    assert not outcomes.wrong
    total = sum(outcomes.counts.values(), start=Counter())
    assert total.total() == 60
    assert min(total[outcome] for outcome in fuzz_audio.GOOD) > 5
    assert 0 < outcomes.peak_mb < 500
    assert "| all | 60 |" in fuzzing.table(outcomes.counts, fuzz_audio.GOOD, "sound files")
