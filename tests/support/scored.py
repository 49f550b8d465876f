"""Small networks that score the windows of a stream."""

from __future__ import annotations

import torch

from ser_stream.features.log_mel import SHERMAN, LogMelConfig
from ser_stream.models.calibration import Calibration
from ser_stream.models.registry import build_model
from ser_stream.stream.scoring import ScoringSettings, WindowScorer

LABELS = ("neutral", "happy", "sad")


class Frames:
    """A turn's features, all there already."""

    def __init__(self, frames):
        self.frames = frames

    def read(self, start, end):
        return self.frames[start:end]


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
    return WindowScorer(model, "m", ScoringSettings(**(settings | changes)))
