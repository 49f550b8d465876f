"""Small networks that score the windows of a stream."""

from __future__ import annotations

import numpy as np
import torch

from ser_stream.engines.calls import answered
from ser_stream.engines.torch import TorchNetwork
from ser_stream.features.log_mel import SHERMAN, LogMelConfig
from ser_stream.models.calibration import Calibration
from ser_stream.models.registry import build_model
from ser_stream.stream.scoring import ScoringSettings, WindowScorer
from ser_stream.stream.turn_encoder import TurnEncoder, WholeTurn

LABELS = ("neutral", "happy", "sad")


class Encoder:
    """A `TurnEncoder` over the frames of a whole turn, whose calls a torch network answers."""

    def __init__(self, model, frames, window_steps, offset=None):
        self._network = TorchNetwork(model)
        turn = WholeTurn(frames) if isinstance(frames, np.ndarray) else frames
        self._encoder = TurnEncoder(self._network, turn, window_steps, offset)

    def logits(self, n_frames):
        return answered(self._network, self._encoder.outputs(n_frames)).logits


def make_model(architecture):
    torch.manual_seed(0)
    if architecture == "causal_crnn":
        options = {"channels": [4, 8, 8, 8], "encoding": 16, "hidden": 8}
        model = build_model(architecture, LABELS, LogMelConfig(), options)
    else:
        options = {"filters": (4, 4, 8, 8), "hidden": 8}
        model = build_model(architecture, LABELS, SHERMAN, options)
    return model.eval()


def whole_window(model, frames, n_frames):
    """The same answer in one piece: the whole turn encoded at once, its last steps classified."""
    with torch.inference_mode():
        steps = model.encode(torch.from_numpy(frames[:n_frames])[None])
        return model.classify(steps[:, -model.window_steps :])[0].numpy()


def judge(model, **changes):
    settings = dict(
        window_steps=model.window_steps, smoothing=0.0,
        calibration={"interval": Calibration(), "utterance": Calibration()}, min_speech=0.7,
    )  # fmt: skip
    return WindowScorer(TorchNetwork(model), "m", ScoringSettings(**(settings | changes)))
