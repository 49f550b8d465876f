"""Common parts of ILT and CAT, the two systems of one paper.

He, Minematsu and Saito, "Effective integration of transformer for network-based speech emotion
recognition". `ilt.py` has the networks of its Table 1, `cat.py` those of its Table 2.

The front end is computed once per step of ten frames and kept. Recurrence, attention and positions
(0 is the window's oldest step) depend on the window and run in the head at every hop::

    frames    ....................................................   10 ms, 40 log-mel bands (`HE`)
    CNN       |    |    |    |    |    |    |    |    |    |    |    c_1 ... c_K (eq. 5), 100 ms
    window              [----------------------------------------]   7.5 s: 750 frames, K = 75
    head                 BLSTM, transformer, fusion, FC

The paper gives the features, the window and the connections, but no sizes. Our choices:

    ===================  ===========================================================================
    silent               chosen
    ===================  ===========================================================================
    convolution blocks   4, 3x3, `channels` 32-64-128-256
    activation           ReLU after the normalisation; the paper names none, and without one the
                         blocks would be linear
    average pools        2x2, 5x2, 1x2, then all remaining bands (1x5 of 40): c_k is one vector of
                         `channels[-1]`, which is the transformers' dimension, too
    padding in time      all in front, so that a step is final once its last frame is there
    transformer          `layers` 2, `heads` 4, `feedforward` 512, post-norm, as torch's
    BLSTM                one layer of channels[-1] / 2 per direction: as wide as the transformer,
                         which eqs. 13 and 14 need
    transformer's        its mean over time, since eqs. 12 to 14 fuse it with a vector
    output
    FC                   one layer
    `dropout`            0.2, in the convolution blocks and the transformers
    ===================  ===========================================================================

**Padding.** The paper pads utterances with zeros to 7.5 s and does not mask them. `masked=False`,
the default, does so at the front end's output: steps from the end of a turn up to the window's 75
are zero, and the head uses them like others. The waveform cannot be padded during a turn,
since the CNN would process the silence. To train and test with zeros in the waveform, pad it to
`features.samples_for(750)` (7.515 s) and give no lengths: a whole window has no padding. Such a
network cannot stream: it would be given steps of a kind that were not in training. `masked=True`
masks the padding, so that it has no influence on short turns.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.attention import valid_steps
from ser_stream.models.base import EmotionModel


class ConvolutionBlock(nn.Module):
    """Convolution, batch normalisation, ReLU, average pooling and dropout (section 2.2)."""

    def __init__(self, n_in: int, n_out: int, pool: tuple[int, int], dropout: float):
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, 3, padding=(0, 1), bias=False)
        self.norm = nn.BatchNorm2d(n_out)
        self.pool = nn.AvgPool2d(pool)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, n_in, frames, bands) -> (batch, n_out, frames // pool[0], bands // pool[1])."""
        past = F.pad(x, (0, 0, 2, 0))
        return self.dropout(self.pool(F.relu(self.norm(self.conv(past)))))


class CausalCnn(nn.Sequential):
    """The CNN of eq. 5: one vector of channels[-1] values per ten frames.

    Raises:
        InputError: there are fewer than 8 bands, or `channels` has not four sizes.
    """

    POOLS = ((2, 2), (5, 2), (1, 2))  # the last block pools all remaining bands

    CONTEXT_FRAMES = 50
    """Frames in front of a step that it depends on. Each block looks back two of its own frames:
    2 * (1 + 2 + 10 + 10), rounded up to whole steps."""

    def __init__(self, n_mels: int, channels: tuple[int, ...], dropout: float):
        if n_mels < 8:
            raise InputError(f"features: found {n_mels} mel bands; the CNN needs 8 or more")
        if len(channels) != 4:
            raise InputError(f"channels: found {len(channels)} sizes; accepted are 4, one a block")
        pools = (*self.POOLS, (1, n_mels // 8))
        super().__init__(
            *(
                ConvolutionBlock(n_in, n_out, pool, dropout)
                for n_in, n_out, pool in zip((1, *channels[:-1]), channels, pools, strict=True)
            )
        )

    def forward(self, frames: Tensor) -> Tensor:
        """(batch, frames, n_mels), normalised -> (batch, frames // 10, channels[-1])."""
        return super().forward(frames[:, None])[..., 0].transpose(-1, -2)


class PaddedWindowModel(EmotionModel):
    """Base of the paper's networks: a window of 7.5 s that is padded where the turn is shorter.

    Args:
        masked: whether padding is masked; see the docstring of this module.
    """

    frames_per_step = 10
    hop_frames = 50
    window_frames = 750
    context_frames = CausalCnn.CONTEXT_FRAMES

    def __init__(self, labels: tuple[str, ...], features: LogMelConfig, masked: bool):
        super().__init__(labels, features)
        self.masked = masked

    def pad(self, steps: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return steps and lengths for the head.

        If not masked, steps after an item's length are zero, there are at least `window_steps`
        steps, and the lengths are None.
        """
        if self.masked:
            return steps, lengths
        if lengths is not None:
            valid = valid_steps(steps.shape[1], lengths)
            steps = steps.masked_fill(~valid[..., None], 0.0)
        return F.pad(steps, (0, 0, 0, max(0, self.window_steps - steps.shape[1]))), None


def check_heads(dimension: int, heads: int) -> None:
    """Check that a transformer of that dimension can have that many heads.

    Raises:
        InputError: it cannot.
    """
    if dimension % 2 or dimension % heads:
        raise InputError(
            f"channels: found {dimension} in the last block; it must be even and a multiple of "
            f"heads, {heads}"
        )
