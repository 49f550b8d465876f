"""Silero VAD, streaming, without torch.

The network is the one in the PyPI package silero-vad (MIT licence), run by onnxruntime. It looks at
512 samples (32 ms) at a time, preceded by the last 64 of those before::

      64      512 new samples
    |----|----------------------|        frame 0 (64 zeros in front)
                           |----|----------------------|        frame 1
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime

from ser_stream.units import SAMPLE_RATE_HZ

FRAME_LENGTH = 512
CONTEXT_LENGTH = 64
STATE_SHAPE = (2, 1, 128)


class VoiceActivity:
    """Probability of speech in each frame of 512 samples at 16 kHz.

    The state runs over the whole stream; `reset_states` between utterances, because the network's
    confidence drifts after about 30 s without.
    """

    def __init__(self) -> None:
        self._session = _session()
        self.reset_states()

    def reset_states(self) -> None:
        self._state = np.zeros(STATE_SHAPE, np.float32)
        self._input = np.zeros((1, CONTEXT_LENGTH + FRAME_LENGTH), np.float32)

    def __call__(self, frame: np.ndarray) -> float:
        """Speech probability, in [0, 1], of `frame` (512,) float32."""
        self._input[0, :CONTEXT_LENGTH] = self._input[0, -CONTEXT_LENGTH:]
        self._input[0, CONTEXT_LENGTH:] = frame
        feed = {"input": self._input, "state": self._state, "sr": _SAMPLE_RATE}
        probability, self._state = self._session.run(None, feed)
        return float(probability[0, 0])


_SAMPLE_RATE = np.array(SAMPLE_RATE_HZ, np.int64)


@lru_cache(maxsize=1)
def _session() -> onnxruntime.InferenceSession:
    """The network, loaded once a process (a session is stateless and thread-safe)."""
    # Importing silero_vad would import torch; its model file is found without.
    package = importlib.util.find_spec("silero_vad")
    if package is None or not package.submodule_search_locations:
        raise ImportError("the package silero-vad is missing: pip install silero-vad")
    path = Path(package.submodule_search_locations[0]) / "data" / "silero_vad.onnx"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # 63 us a frame: a second thread would only spin
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
