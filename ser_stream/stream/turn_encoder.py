"""Incremental encoding of a turn: each step of a network's front end is computed once."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ser_stream.features.log_mel import SILENCE_DB
from ser_stream.models.base import EmotionModel
from ser_stream.units import Seconds

SPARE_S: Seconds = 1.0
"""How much longer steps are kept than a window. A turn may end this long before its last window:
windows continue during the pause that ends a turn, but only the pause's post-roll belongs to the
turn (see `audio.turns`)."""


class Frames(Protocol):
    """The feature frames of a turn, such as `TurnFeatures`."""

    def read(self, start: int, end: int) -> np.ndarray:
        """Return frames [start, end), (frames, dimension) float32."""


class TurnEncoder:
    """Encodes the frames of one turn step by step, and runs the head on its windows.

    Args:
        frames: the turn's frames; a call needs all frames before its `n_frames`.
        window_steps: number of steps that the head looks back on.
        offset: offset of the speaker memory, see `SpeakerMemory`. It is subtracted from each frame
            (dimension,), or from the statistics of a network with `remembers_statistics`.
    """

    def __init__(
        self,
        model: EmotionModel,
        frames: Frames,
        window_steps: int,
        offset: np.ndarray | None = None,
    ):
        self._model = model
        self._frames = frames
        self._window_steps = window_steps
        self._frame_offset: np.ndarray | None = None
        self._statistics_offset: Tensor | None = None
        if offset is not None and model.remembers_statistics:
            self._statistics_offset = torch.from_numpy(offset).to(model.prior_statistics)
        else:
            self._frame_offset = offset
        step_s = model.features.frame_s * model.frames_per_step
        self._spare_steps = math.ceil(SPARE_S / step_s)
        self._device = next(model.parameters()).device
        self._first = 0  # number of the first step in `_steps`
        self._steps: Tensor | None = None  # (1, steps, dimension)
        self._state: Any = None  # of a recurrent network, behind the last step

    def logits(self, n_frames: int) -> np.ndarray:
        """Return logits (labels,) of the window that ends with frame `n_frames`, exclusive."""
        return self.outputs(n_frames)[0]

    def outputs(self, n_frames: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return `logits`, and valence and arousal (2,) of a network that has them, else None."""
        with torch.inference_mode():
            logits, affect = self._model.score(
                self._window(n_frames), offset=self._statistics_offset
            )
        return _to_numpy(logits), None if affect is None else _to_numpy(affect)

    def statistics(self, n_frames: int) -> np.ndarray:
        """Return the turn's entry (n,) for the speaker memory.

        Args:
            n_frames: where the turn ends: the window that was computed last.
        """
        if not self._model.remembers_statistics:
            return self._frames.read(0, n_frames).mean(axis=0, dtype=np.float64)
        with torch.inference_mode():
            return _to_numpy(self._model.statistics(self._window(n_frames)))

    def _window(self, n_frames: int) -> Tensor:
        """Return the steps of the window that ends with frame `n_frames`, (1, steps, dimension)."""
        end = self._model.steps_in(n_frames)
        if end == 0:
            return self._padded_step(n_frames)
        steps = self._steps_until(end)
        start = max(end - self._window_steps, self._first)
        return steps[:, start - self._first : end - self._first]

    def _steps_until(self, end: int) -> Tensor:
        """Return all kept steps, up to `end` at least, after dropping old ones."""
        model = self._model
        known = self._first + (0 if self._steps is None else self._steps.shape[1])
        if self._steps is not None and end <= known:
            return self._steps  # a turn's end lies before the end of its last window
        oldest = max(0, end - self._window_steps - self._spare_steps)
        # The steps of skipped windows are not computed, unless this window looks back on them.
        start = known if model.context_frames is None else max(oldest, known)
        parts = [self._encode(start, end)]
        if start == known and self._steps is not None:
            parts.insert(0, self._steps)
        first = start - sum(part.shape[1] for part in parts[:-1])
        self._first = max(oldest, first)
        self._steps = torch.cat(parts, dim=1)[:, self._first - first :]
        return self._steps

    def _encode(self, start: int, end: int) -> Tensor:
        """Compute the steps [start, end), (1, end - start, dimension)."""
        model = self._model
        first_frame = start * model.frames_per_step
        last_frame = end * model.frames_per_step + model.step_overlap_frames
        if model.context_frames is None:
            frames = self._read(first_frame, last_frame)[None].to(self._device)
            steps, self._state = model.encode_chunk(frames, self._state)
            return steps
        frames = self._read(max(0, first_frame - model.context_frames), last_frame)
        return model.encode(frames[None].to(self._device))[:, start - end :]

    def _padded_step(self, n_frames: int) -> Tensor:
        """Compute the one step of a turn that is shorter than a step, padded with silence."""
        model = self._model
        frames = torch.full((1, model.step_frames, model.features.dimension), SILENCE_DB)
        frames[0, :n_frames] = self._read(0, n_frames)
        return model.encode(frames.to(self._device))

    def _read(self, start: int, end: int) -> Tensor:
        frames = self._frames.read(start, end)
        return torch.from_numpy(
            frames if self._frame_offset is None else frames - self._frame_offset
        )


def _to_numpy(batch: Tensor) -> np.ndarray:
    """Return the only item of a batch, (1, n) -> (n,) float64."""
    return batch[0].float().cpu().numpy().astype(np.float64)
