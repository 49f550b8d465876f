"""Streaming voice activity detection with Silero VAD, without torch.

The network (MIT licence, `weights/silero-vad/NOTICE`) comes with this package, because the package
silero-vad requires torch, and in a form that takes a third of the time, which
`tools/rewrite_silero_vad.py` writes. Its input is a frame of 512 samples (32 ms), preceded by the
last 64 samples of the frame before::

      64      512 new samples
    |----|----------------------|        frame 0 (64 zeros in front)
                           |----|----------------------|        frame 1
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime

from ser_stream.file_checks import check_sha256

FRAME_LENGTH = 512
CONTEXT_LENGTH = 64
STATE_SIZE = 128

MODEL = Path(__file__).parents[1] / "weights" / "silero-vad" / "silero_vad_16k.onnx"
MODEL_SHA256 = "56aa50a58d80e31ab964a5d1b71b6a65a0b8ebdb742d3b3530d3a07214be8b21"
"""Of the file that `tools/rewrite_silero_vad.py` writes; a newer one has a newer hash."""


class VoiceActivity:
    """Computes the probability of speech in each frame of 512 samples of one stream at 16 kHz.

    The network's state is carried from frame to frame. Call `reset_states` between utterances:
    without, the probabilities drift after about 30 s.
    """

    def __init__(self) -> None:
        self.reset_states()

    def reset_states(self) -> None:
        """Start a new stream."""
        self._state = np.zeros((2, 1, STATE_SIZE), np.float32)
        self._context = np.zeros(CONTEXT_LENGTH, np.float32)

    def __call__(self, frame: np.ndarray) -> float:
        """Return the probability of speech, 0 to 1, in `frame` (512,) float32."""
        return detect_together([DetectSpeech(self, frame)])[0]


class DetectSpeech(NamedTuple):
    """A call of the network that is still to be made: a stream's next frame (512,) float32."""

    voice_activity: VoiceActivity
    frame: np.ndarray

    def answer(self) -> float:
        """Return the probability of speech, 0 to 1."""
        return self.voice_activity(self.frame)


def detect_together(calls: Sequence[DetectSpeech]) -> list[float]:
    """Return the probability of speech in one frame of each of several streams.

    The network runs once for all of them. The results are those of separate calls, but for the
    order of rounding.
    """
    inputs = np.empty((len(calls), CONTEXT_LENGTH + FRAME_LENGTH), np.float32)
    for row, (voice_activity, frame) in zip(inputs, calls, strict=True):
        row[:CONTEXT_LENGTH] = voice_activity._context
        row[CONTEXT_LENGTH:] = frame
        voice_activity._context = frame[-CONTEXT_LENGTH:].copy()
    states = np.concatenate([voice_activity._state for voice_activity, _ in calls], axis=1)
    probabilities, states = _run(inputs, states)
    for index, (voice_activity, _) in enumerate(calls):
        # A copy: a view would keep the states of all streams alive.
        voice_activity._state = states[:, index : index + 1].copy()
    return [float(probability) for probability in probabilities]


class VoiceActivities:
    """A `VoiceActivity` for each channel of a stream, computed together.

    Args:
        channels: number of channels.
    """

    def __init__(self, channels: int) -> None:
        self._state = np.zeros((2, channels, STATE_SIZE), np.float32)
        self._inputs = np.zeros((channels, CONTEXT_LENGTH + FRAME_LENGTH), np.float32)

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Return the probabilities of speech (channels,) in the next frame (channels, 512)."""
        self._inputs[:, :CONTEXT_LENGTH] = self._inputs[:, -CONTEXT_LENGTH:]
        self._inputs[:, CONTEXT_LENGTH:] = frame
        probabilities, self._state = _run(self._inputs, self._state)
        return probabilities


def _run(inputs: np.ndarray, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Run the network on n inputs (n, 576) and states (2, n, 128); return probabilities (n,)."""
    probabilities, states = _session().run(None, {"input": inputs, "state": states})
    return probabilities[:, 0], states


@lru_cache(maxsize=1)
def _session() -> onnxruntime.InferenceSession:
    """Load the network, once per process: a session is stateless and thread-safe.

    Raises:
        InputError: the file is missing, or another one than the package came with.
    """
    check_sha256(MODEL, MODEL_SHA256)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a frame takes some 30 us: a second thread would only spin
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors: older versions warn of constants that are not used
    return onnxruntime.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])
