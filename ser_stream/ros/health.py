"""The health of a stream, as `/diagnostics` reports it. Needs no ROS."""

from __future__ import annotations

import time
from collections import deque

import numpy as np

from ser_stream.asr.worker import READY, RESTARTING, SLOW, STARTING, AsrStatus
from ser_stream.emotion import AUDIO, INTERVAL, EmotionEstimate
from ser_stream.ros.messages import Report
from ser_stream.stream.status import StreamStatus
from ser_stream.units import Seconds

OK, WARN, ERROR, STALE = 0, 1, 2, 3
"""Levels of diagnostic_msgs/msg/DiagnosticStatus."""

EMOTION_COMPONENT, ASR_COMPONENT = "speech emotion", "speech recognition"
"""Components that have a report of their own."""


class Health:
    """Assesses the status of a stream. `report` is to be called once a second.

    ERROR: no sound arrives. WARN: the source is being opened and has given no sound yet; or sound,
    messages or estimates were lost since the last report; or recognition has been muted for a
    minute; or the microphone gives no signal.
    """

    MAX_REPORTS_BEFORE_SOUND = 5
    """Reports without a first sound before that is an error: PulseAudio may need 2 s."""
    MAX_REPORTS_WITHOUT_SOUND = 2
    """Reports without new sound before that is an error: messages may last over a second."""
    MAX_MUTED_REPORTS = 60
    """Reports in a row that may be muted: the node that said `robot_speaking` may have died."""
    MAX_LATENCIES = 100
    """Estimates from which the latency percentiles are computed."""

    def __init__(self) -> None:
        self._latencies_ms: deque[float] = deque(maxlen=self.MAX_LATENCIES)
        self._last_estimate: tuple[str, Seconds] | None = None  # its trigger and when it came
        self._previous: StreamStatus | None = None
        self._left_out = 0  # messages, at the previous report
        self._reports_without_sound = 0
        self._muted_reports = 0

    def add(self, estimate: EmotionEstimate) -> None:
        """Take an estimate into account that was published."""
        # The latency of other estimates includes waiting for words or for the end of the turn.
        if estimate.modality == AUDIO and estimate.trigger == INTERVAL:
            self._latencies_ms.append(estimate.latency_ms)
        self._last_estimate = estimate.trigger, time.monotonic()

    def report(self, status: StreamStatus, problem: str = "", left_out: int = 0) -> Report:
        """Return level, message and values for the status of the stream.

        Args:
            problem: why no sound can be used, where the status does not say so.
            left_out: number of messages of audio that could not be used.
        """
        level, message = self._assess(status, problem or status.source, left_out - self._left_out)
        self._previous, self._left_out = status, left_out
        return level, message, self._values(status, left_out)

    def _assess(self, status: StreamStatus, problem: str, left_out: int) -> tuple[int, str]:
        previous = self._previous
        self._muted_reports = self._muted_reports + 1 if status.muted else 0
        if problem:
            return ERROR, problem
        if previous is None:
            return OK, "listening"
        if status.position_s == previous.position_s:
            self._reports_without_sound += 1
            if status.position_s == 0 and (
                self._reports_without_sound <= self.MAX_REPORTS_BEFORE_SOUND
            ):
                return WARN, "no sound yet"
            if self._reports_without_sound > self.MAX_REPORTS_WITHOUT_SOUND:
                return ERROR, "no sound arrives"
        else:
            self._reports_without_sound = 0
        if self._muted_reports:
            level = WARN if self._muted_reports > self.MAX_MUTED_REPORTS else OK
            return level, (
                f"does not listen, for {self._muted_reports} s: robot_speaking is true, or enabled "
                "is false"
            )
        if status.position_s < previous.position_s:  # a new stream counts from zero
            return OK, "listening"
        return _losses(previous, status, left_out)

    def _values(self, status: StreamStatus, left_out: int) -> dict[str, str]:
        p50 = p99 = "none yet"
        if self._latencies_ms:
            p50, p99 = (f"{ms:.1f}" for ms in np.percentile(self._latencies_ms, (50, 99)))
        return {
            "audio position (s)": f"{status.position_s:.1f}",
            "level (dBFS)": f"{status.level_dbfs:.1f}",
            "speaking": str(status.speaking),
            "muted": str(status.muted),
            "windows": str(status.windows),
            "skipped windows": str(status.skipped),
            "gaps": str(status.gaps),
            "gaps (s)": f"{status.gap_s:.2f}",
            "bad samples": str(status.bad_samples),
            "messages left out": str(left_out),
            "failed windows": str(status.failed_windows),
            "dropped turns": str(status.dropped_turns),
            "inference": status.inference or "keeps up",
            "sound": status.sound or "good",
            "channel": "" if status.channel is None else str(status.channel),
            "dropped sound (s)": f"{status.dropped_s:.2f}",
            "dropped blocks": str(status.dropped_blocks),
            "overflows": str(status.overflows),
            "reconnects": str(status.reconnects),
            "source error": status.source,
            "latency p50 (ms)": p50,
            "latency p99 (ms)": p99,
            "last estimate": self._last_estimate_text(),
        }

    def _last_estimate_text(self) -> str:
        """When the last estimate came. Not the emotion: diagnostics are for operators."""
        if self._last_estimate is None:
            return "none yet"
        trigger, at = self._last_estimate
        return f"{trigger}, {time.monotonic() - at:.0f} s ago"


def _losses(previous: StreamStatus, status: StreamStatus, left_out: int) -> tuple[int, str]:
    """Level and message for what was lost between two reports."""
    failed = status.failed_windows - previous.failed_windows
    if failed:
        return ERROR, f"{failed} estimates withheld: the model fails; the log says how"
    counts = {
        "windows skipped (inference is slower than real time)": status.skipped - previous.skipped,
        "turns dropped (inference is slower than real time)": (
            status.dropped_turns - previous.dropped_turns
        ),
        "gaps in the audio": status.gaps - previous.gaps,
        "samples that are NaN or infinite": status.bad_samples - previous.bad_samples,
        "messages of audio left out": left_out,
        "blocks of sound dropped (the computer is too slow)": (
            status.dropped_blocks - previous.dropped_blocks
        ),
        "overflows of the microphone": status.overflows - previous.overflows,
        "reconnects of the microphone": status.reconnects - previous.reconnects,
    }
    lost = [f"{count} {what}" for what, count in counts.items() if count]
    if lost:
        return WARN, ", ".join(lost)
    if status.inference:
        return WARN, f"inference: {status.inference}"
    if status.no_signal:
        return WARN, status.sound
    return OK, f"listening; {status.sound}" if status.sound else "listening"


def asr_report(status: AsrStatus, text_error: str = "") -> Report:
    """Return level, message and values for speech recognition.

    WARN: it is slow. ERROR: it was restarted and has not answered since, or there are no
    audio+text estimates. Estimates from audio alone continue in either case.

    Args:
        text_error: `StreamStatus.text_error`.
    """
    level = {STARTING: OK, READY: OK, SLOW: WARN, RESTARTING: ERROR}.get(status.state, ERROR)
    message = f"{status.state}: {status.reason}" if status.reason else status.state
    if text_error:
        level, message = ERROR, f"text model: {text_error}"
    values = {
        "state": status.state,
        "reason": status.reason,
        "real-time factor": f"{status.rtf:.2f}",
        "restarts": str(status.restarts),
        "skipped requests": str(status.skipped),
    }
    return level, message, values
