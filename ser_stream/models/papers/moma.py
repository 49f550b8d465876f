"""MOMA, residual mixture of multi-view attention, one of the four papers' systems.

Jalal, Milner, Hain and Moore, "Removing bias with residual mixture of multi-view attention for
speech emotion recognition", Interspeech 2020, section 3 and Fig. 1::

    frames -> BLSTM, 2 layers -> Y, frames x 1024                          eqs. 1-3
    attention layer 1            Y + a_att1 Y: a residual                  eqs. 4-6
    attention layer 2            a_att2 = gamma_1 a_1 + gamma_2 a_2 + ...  eqs. 7-9, 3 blocks
                                 sum over time of a_att2 Y -> 1024 -> classes

The BLSTM runs over the frames themselves, in both directions, so nothing but the normalisation can
be kept from hop to hop: a step is a frame, and each hop computes the whole window again. That
takes about 0.4 s of one core per hop of 0.5 s, ten times as long as the other networks.

Choices where the paper is silent:

    ====================  ==========================================================================
    silent                chosen
    ====================  ==========================================================================
    segments              `window_frames` 500: 5 s, as the other networks of 10 ms frames. From a
                          longer utterance, each epoch takes one at random
    segments to           the mean of the logits of the fewest segments that cover the utterance
    utterances
    W_e                   to one energy per frame ("the attention vector over time frames"), without
                          bias, which the softmax would cancel; W_h and W_m have biases
    "projected onto Y"    Y' = a Y: each frame times its weight
    M of layer 2          the mean of layer 2's input Y
    frames to classes     the frames that a_att2 weighs are summed over time; then the projection to
                          1024 and the classifier, both linear, as described
    initial gamma         uniform in [0, 1): no block starts with a negative weight
    dropout               none
    padding               masked
    ====================  ==========================================================================

The paper has no baselines of its own; its Table 1 compares with other authors' results. `blocks=0`
is our baseline without attention: the encoder and the mean over time.

Trained parameters, for 4 labels (the paper gives none)::

    BLSTM, layer 1       2,199,552   2 directions x 4 gates x 512 x (23 + 512 + 2)
    BLSTM, layer 2       6,299,648   2 directions x 4 gates x 512 x (1024 + 512 + 2)
    attention blocks     1,050,112   4 x (2 x (1024 x 128 + 128) + 128)
    gamma                        3
    projection           1,049,600   1024 x 1024 + 1024
    classifier               4,100   1024 x 4 + 4
    total               10,603,015
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.attention import mean_over_time, valid_steps
from ser_stream.models.base import EmotionModel
from ser_stream.models.options import Frames, Repeats, Size
from ser_stream.models.recurrent import hidden_states
from ser_stream.models.registry import register


class ContextualAttention(nn.Module):
    """One attention block, which compares each frame with the mean of all (eqs. 4 and 5)."""

    def __init__(self, dimension: int, context: int):
        super().__init__()
        self.frame = nn.Linear(dimension, context)  # W_h
        self.mean = nn.Linear(dimension, context)  # W_m
        self.energy = nn.Linear(context, 1, bias=False)  # W_e

    def forward(self, frames: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return weights (batch, frames) that sum to 1, of frames (batch, frames, dimension)."""
        mean = mean_over_time(frames, mask)[:, None]
        energy = self.energy(self.frame(frames).tanh() * self.mean(mean).tanh())[..., 0]
        if mask is not None:
            energy = energy.masked_fill(~mask, -torch.inf)
        return energy.softmax(dim=1)


@register("moma")
class Moma(EmotionModel):
    """The network of the paper, on its 23 log-mel bands (`JALAL`).

    Args:
        blocks: attention blocks of layer 2, 3 in the paper (section 5.2 leaves the number open); 0
            for the mean over time instead of attention.
        hidden: LSTM units per direction.
        context: dimension in which attention compares frames.
        window_frames: frames of a window, the paper's segment.
    """

    frames_per_step = 1
    hop_frames = 50
    context_frames = 0

    def __init__(
        self,
        labels: tuple[str, ...],
        features: LogMelConfig,
        blocks: Repeats = 3,
        hidden: Size = 512,
        context: Size = 128,
        window_frames: Frames = 500,
    ):
        super().__init__(labels, features)
        self.window_frames = window_frames
        dimension = 2 * hidden
        self.blstm = nn.LSTM(
            features.dimension, hidden, num_layers=2, batch_first=True, bidirectional=True
        )
        if blocks:
            self.layer1 = ContextualAttention(dimension, context)
            self.gamma = nn.Parameter(torch.rand(blocks))
        self.layer2 = nn.ModuleList(ContextualAttention(dimension, context) for _ in range(blocks))
        self.projection = nn.Linear(dimension, dimension)
        self.output = nn.Linear(dimension, len(labels))

    def encode(self, features: Tensor) -> Tensor:
        return self.normalise(features)

    def classify(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        mask = None if lengths is None else valid_steps(steps.shape[1], lengths)
        frames = hidden_states(self.blstm, steps, lengths)
        if self.layer2:
            frames, _, weights = self._attend(frames, mask)
            summary = (weights[..., None] * frames).sum(dim=1)
        else:
            summary = mean_over_time(frames, mask)
        return self.output(self.projection(summary))

    def attention_weights(
        self, features: Tensor, lengths: Tensor | None = None
    ) -> dict[str, Tensor]:
        """See the base: a_att1 and a_att2, which Figures 2 to 5 show.

        a_att1 sums to 1, a_att2 to the sum of the gammas.
        """
        if not self.layer2:
            return {}
        mask = None if lengths is None else valid_steps(features.shape[1], lengths)
        frames = hidden_states(self.blstm, self.encode(features), lengths)
        _, layer1, layer2 = self._attend(frames, mask)
        return {"attention layer 1": layer1, "attention layer 2": layer2}

    def _attend(self, frames: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return Y of eq. 6 (batch, frames, dimension), and a_att1 and a_att2 (batch, frames)."""
        layer1 = self.layer1(frames, mask)
        frames = layer1[..., None] * frames + frames
        views = torch.stack([block(frames, mask) for block in self.layer2], dim=-1)
        return frames, layer1, views @ self.gamma
