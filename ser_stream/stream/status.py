"""How a stream is, for whoever looks: the live view, diagnostics."""

from __future__ import annotations

import dataclasses

from ser_stream.asr.worker import AsrStatus
from ser_stream.stream.windowing import SILENCE_DBFS
from ser_stream.units import Decibels, Seconds


@dataclasses.dataclass(frozen=True)
class StreamStatus:
    """What a stream is doing right now.

    Attributes:
        position_s: how much sound there was.
        level_dbfs: of the newest block.
        speaking: someone speaks.
        windows: estimates made.
        skipped: windows that were not judged because a newer one was there already.
        gaps, gap_s: interruptions of the sound, and how long they were together.
        bad_samples: samples that were no numbers.
        judging_s: how long the window that is judged right now has been; 0 where none is.
        muted: sound is not listened to: the robot itself speaks.
        source: what the source says of itself, where it does ("" = all is well).
        asr: how speech recognition is; None where there is none.
        text_error: why there are no second estimates right now; "" = all is well.
    """

    position_s: Seconds = 0.0
    level_dbfs: Decibels = SILENCE_DBFS
    speaking: bool = False
    windows: int = 0
    skipped: int = 0
    gaps: int = 0
    gap_s: Seconds = 0.0
    bad_samples: int = 0
    judging_s: Seconds = 0.0
    muted: bool = False
    source: str = ""
    asr: AsrStatus | None = None
    text_error: str = ""
