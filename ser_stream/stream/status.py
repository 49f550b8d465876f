"""The state of a stream, for the live view and for diagnostics."""

from __future__ import annotations

import dataclasses

from ser_stream.asr.worker import AsrStatus
from ser_stream.stream.windowing import SILENCE_DBFS
from ser_stream.units import Decibels, Seconds


@dataclasses.dataclass(frozen=True)
class StreamStatus:
    """The state of a stream at one instant.

    Attributes:
        position_s: seconds of sound received so far.
        level_dbfs: level of the newest block, before it is filtered.
        speaking: whether someone speaks.
        windows: number of windows and turns scored so far.
        skipped: number of windows that were not scored because a newer one was waiting.
        gaps, gap_s: number of interruptions of the sound, and their total length.
        bad_samples: number of samples that were NaN, infinite or absurdly large.
        scoring_s: seconds since scoring of the current window began; 0 between windows.
        muted: whether sound is ignored because the robot itself speaks.
        channel: number of the source's channel that is used; None for the mean of all, and before
            channel "auto" has chosen one. With "mix", the one that is used because the channels
            cancel in their mean.
        source: the source's current problem, as a line for people; "" for none.
        asr: state of speech recognition; None where none runs.
        text_error: why there are no second estimates at present; "" while there are.
        dropped_s: seconds of sound that the source or a `StreamPool` dropped, because the
            recogniser could not keep up.
        failed_windows: number of windows and turns whose estimate was withheld, because the
            network failed or its answer was not a finite number.
        dropped_blocks: number of blocks that a microphone dropped because the recogniser could not
            keep up.
        overflows: number of times that a microphone's driver reported lost samples.
        reconnects: number of times that a microphone was found after it had been missing.
        dropped_turns: number of turns without an estimate, because newer ones were waiting.
        inference: the current problem of inference, as a line for people: no result for seconds, or
            slower than sound; "" for none.
        sound: what is wrong with the sound that arrives, as a line for people: no signal, a large
            DC offset, channels in opposite phase; "" for nothing.
        no_signal: whether the samples of a live source have all been the same for seconds: the
            microphone is muted or broken.
        text_skipped: number of second estimates that were not computed, because newer words were
            waiting.
    """

    position_s: Seconds = 0.0
    level_dbfs: Decibels = SILENCE_DBFS
    speaking: bool = False
    windows: int = 0
    skipped: int = 0
    gaps: int = 0
    gap_s: Seconds = 0.0
    bad_samples: int = 0
    scoring_s: Seconds = 0.0
    muted: bool = False
    channel: int | None = None
    source: str = ""
    asr: AsrStatus | None = None
    text_error: str = ""
    dropped_s: Seconds = 0.0
    failed_windows: int = 0
    dropped_blocks: int = 0
    overflows: int = 0
    reconnects: int = 0
    dropped_turns: int = 0
    inference: str = ""
    text_skipped: int = 0
    sound: str = ""
    no_signal: bool = False
