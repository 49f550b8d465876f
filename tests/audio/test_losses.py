"""What could not be read of a file, in one line."""

from __future__ import annotations

from ser_stream.audio.containers.part import Skipped
from ser_stream.audio.losses import MAX_LISTED, Losses


def test_many_losses_are_one_short_line():
    losses = Losses()
    assert not losses
    for number in range(MAX_LISTED + 40):
        losses.add_bytes(Skipped((number, 2 * number + 1), "no sound"), 1.0)
    assert losses
    assert str(losses).count("bytes after 1.00 s (no sound, from byte") == MAX_LISTED
    assert str(losses).endswith("; and 40 more")
    assert "\n" not in str(losses)
