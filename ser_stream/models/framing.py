"""How a streaming network divides a turn: frames, steps, hops, windows. It needs no torch."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from msgspec import Meta

MAX_FRAMES = 6000
"""A minute of frames of 10 ms."""
Positive = Annotated[int, Meta(ge=1, le=MAX_FRAMES)]
NotNegative = Annotated[int, Meta(ge=0, le=MAX_FRAMES)]


@dataclasses.dataclass(frozen=True)
class Framing:
    """Sizes of a streaming network, in frames of its features; see `ser_stream.models.base`.

    Attributes:
        hop_frames, window_frames: frames from one answer to the next, and frames of a window.
        frames_per_step: frames from one step to the next.
        step_overlap_frames: frames that a step covers beyond `frames_per_step`: the overlap of
            neighbouring chunks.
        context_frames: frames in front of a hop that the hop's steps depend on. None for a
            network whose steps depend on the whole turn, through the state that it carries.
        block_steps: steps that such a network computes together: its state is known after whole
            blocks only, and what lies behind the end of the turn's last block is silence.
    """

    hop_frames: Positive
    window_frames: Positive
    frames_per_step: Positive
    step_overlap_frames: NotNegative = 0
    context_frames: NotNegative | None = None
    block_steps: Positive = 1

    @property
    def step_frames(self) -> int:
        """Frames that one step covers, the shortest input that can be scored."""
        return self.frames_per_step + self.step_overlap_frames

    @property
    def window_steps(self) -> int:
        """Steps in a whole window."""
        return self.steps_in(self.window_frames)

    def steps_in(self, n_frames: int) -> int:
        """Return the number of whole steps in a turn of `n_frames` frames."""
        return max(0, (n_frames - self.step_overlap_frames) // self.frames_per_step)
