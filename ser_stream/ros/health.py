"""Whether a stream is well: what `/diagnostics` says. Needs no ROS."""

from __future__ import annotations

from collections import deque

import numpy as np

from ser_stream.asr.worker import READY, RESTARTING, SLOW, STARTING, AsrStatus
from ser_stream.emotion import AUDIO, INTERVAL, EmotionEstimate
from ser_stream.stream.status import StreamStatus

OK, WARN, ERROR = 0, 1, 2
"""Levels of diagnostic_msgs/msg/DiagnosticStatus (rclpy wants them as `bytes([level])`)."""

EMOTION_PART, ASR_PART = "speech emotion", "speech recognition"
"""What is diagnosed."""


class Health:
    """Judges the status of a stream, once a second, for `/diagnostics`.

    ERROR: no sound arrives. WARN: none has come yet from a source that is being opened; or since
    the last report, sound or estimates were lost; or the robot has been speaking for a minute.

    Args:
        model: name of the model that runs.
    """

    OPENING = 5
    """So many reports without a first sound are no error: PulseAudio's may take 2 s."""
    MISSED = 2
    """And so many without any: messages may be longer than a second."""
    MUTED = 60
    """Whoever says that the robot speaks may have died since."""
    RECENT = 100
    """Latencies are of so many estimates."""

    def __init__(self, model: str = ""):
        self._model = model
        self._latencies_ms: deque[float] = deque(maxlen=self.RECENT)
        self._result = ""
        self._before: StreamStatus | None = None
        self._without_sound = self._muted = 0  # reports in a row

    def note(self, estimate: EmotionEstimate) -> None:
        """Take note of an estimate that was made."""
        if estimate.modality == AUDIO and estimate.trigger == INTERVAL:  # others wait for words
            self._latencies_ms.append(estimate.latency_ms)
        name = estimate.expression or "unsure"
        self._result = f"{name} ({estimate.confidence:.2f}, {estimate.trigger})"

    def report(self, status: StreamStatus) -> tuple[int, str, dict[str, str]]:
        """Level, message and values, all for people to read."""
        level, message = self._judge(status)
        self._before = status
        return level, message, self._values(status)

    def _judge(self, status: StreamStatus) -> tuple[int, str]:
        before = self._before
        self._muted = self._muted + 1 if status.muted else 0
        if status.source:
            return ERROR, status.source
        if before is None:
            return OK, "listening"
        if status.position_s == before.position_s:
            self._without_sound += 1
            if status.position_s == 0 and self._without_sound <= self.OPENING:
                return WARN, "no sound yet"
            if self._without_sound > self.MISSED:
                return ERROR, "no sound arrives"
        else:
            self._without_sound = 0
        if self._muted:
            level = WARN if self._muted > self.MUTED else OK
            return level, f"does not listen, for {self._muted} s: robot_speaking, or not enabled"
        if status.position_s < before.position_s:  # another stream has begun: it counts from 0
            return OK, "listening"
        lost = {
            "windows skipped (inference is slower than sound)": status.skipped - before.skipped,
            "gaps in the sound": status.gaps - before.gaps,
            "samples that are no numbers": status.bad_samples - before.bad_samples,
        }
        found = [f"{count} {what}" for what, count in lost.items() if count]
        return (WARN, ", ".join(found)) if found else (OK, "listening")

    def _values(self, status: StreamStatus) -> dict[str, str]:
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
            "source error": status.source,
            "latency p50 (ms)": p50,
            "latency p99 (ms)": p99,
            "last result": self._result,
            "model": self._model,
        }


def asr_report(status: AsrStatus, text_error: str = "") -> tuple[int, str, dict[str, str]]:
    """Report on speech recognition: level, message and values.

    WARN: it is slow. ERROR: it had to be started again and has not answered since, or there are no
    second estimates right now. Emotions by sound go on all the while.

    Args:
        text_error: of `StreamStatus`.
    """
    level = {STARTING: OK, READY: OK, SLOW: WARN, RESTARTING: ERROR}.get(status.state, ERROR)
    message = f"{status.state}: {status.reason}" if status.reason else status.state
    if text_error:
        level, message = ERROR, f"text model: {text_error}"
    return (
        level,
        message,
        {
            "state": status.state,
            "reason": status.reason,
            "real-time factor": f"{status.rtf:.2f}",
            "restarts": str(status.restarts),
            "skipped requests": str(status.skipped),
        },
    )
