"""Streaming voice activity detection with Silero VAD, without torch.

The network (MIT licence, `weights/silero-vad/NOTICE`) comes with this package, because the package
silero-vad requires torch. Its input is a frame of 512 samples (32 ms), preceded by the last 64
samples of the frame before::

      64      512 new samples
    |----|----------------------|        frame 0 (64 zeros in front)
                           |----|----------------------|        frame 1
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime

from ser_stream.units import SAMPLE_RATE_HZ

FRAME_LENGTH = 512
CONTEXT_LENGTH = 64
STATE_SHAPE = (2, 1, 128)

MODEL = Path(__file__).parents[1] / "weights" / "silero-vad" / "silero_vad_16k.onnx"


class VoiceActivity:
    """Computes the probability of speech in each frame of 512 samples at 16 kHz.

    The network's state is carried from frame to frame. Call `reset_states` between utterances:
    without, the probabilities drift after about 30 s.
    """

    def __init__(self) -> None:
        self._session = _session()
        self.reset_states()

    def reset_states(self) -> None:
        """Start a new stream."""
        self._state = np.zeros(STATE_SHAPE, np.float32)
        self._input = np.zeros((1, CONTEXT_LENGTH + FRAME_LENGTH), np.float32)

    def __call__(self, frame: np.ndarray) -> float:
        """Return the probability of speech, 0 to 1, in `frame` (512,) float32."""
        self._input[0, :CONTEXT_LENGTH] = self._input[0, -CONTEXT_LENGTH:]
        self._input[0, CONTEXT_LENGTH:] = frame
        feed = {"input": self._input, "state": self._state, "sr": _SAMPLE_RATE}
        probability, self._state = self._session.run(None, feed)
        return float(probability[0, 0])


_SAMPLE_RATE = np.array(SAMPLE_RATE_HZ, np.int64)


@lru_cache(maxsize=1)
def _session() -> onnxruntime.InferenceSession:
    """Load the network, once per process: a session is stateless and thread-safe."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # 63 us a frame: a second thread would only spin
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors: older versions warn of constants that are not used
    return onnxruntime.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])
