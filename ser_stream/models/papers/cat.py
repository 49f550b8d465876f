"""CAT, the cross attention transformer, its variants, and the LSTM-Transformer of its Table 2.

He, Minematsu and Saito, section 2.3 and Fig. 2; `ilt_cat.py` lists our choices where the paper is
silent::

    frames -+-> CNN ------------------> H(C), 75 steps  -+-> CtoL: queries H(C), keys H(L) -+
            |                                            X                                  +-> FC
            +-> 1-D convolution -> BLSTM -> H(L), 150 steps -> LtoC: queries H(L), keys H(C) -+

The rows of Table 2 are these classes and options:

    ==================  ==================================================================
    CAT                 `Cat(variant="cat")`
    CNNtoLSTM only      `Cat(variant="cnn_to_lstm")`: the weight of LtoC is 0
    LSTMtoCNN only      `Cat(variant="lstm_to_cnn")`: the weight of CtoL is 0
    CNN+LSTM            `Cat(variant="cnn_plus_lstm")`: H(C) + H(L), no transformer
    LSTM-Transformer    `LstmTransformer`
    CNN-Transformer     `ilt.CnnTransformer`, with positional encoding: the row of Table 1
    ==================  ==================================================================

Further choices where the paper is silent on CAT:

    ====================  ==========================================================================
    silent                chosen
    ====================  ==========================================================================
    1-D convolution       5 frames every 5 into `lstm_input` 128, no activation ("simply for
                          reducing the length"); twice the CNN's rate, because short intervals left
                          the LSTM nothing to learn from (section 4.1). A step of the front end
                          holds a c_k and the two vectors of its ten frames
    LSTM                  bidirectional, as in ILT
    how H(C) and H(L),    each one's mean over time first
    K and T long, add up
    positional encoding   on, for queries and keys: section 2.1 calls it required
    ====================  ==========================================================================

Trained parameters, for 4 labels (the paper gives none)::

    CNN                    388,320   see `ilt.py`
    1-D convolution         25,728   5 x 40 x 128 + 128
    BLSTM                  264,192   2 directions x 4 gates x 128 x (128 + 128 + 2)
    each transformer     1,054,208   2 layers, see `ilt.py`
    FC                       1,028

    Cat                  2,787,684   one way only 1,733,476   CNN+LSTM 679,268
    LstmTransformer      1,345,156
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ser_stream.errors import InputError, shown
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.attention import (
    CrossAttentionEncoder,
    SelfAttentionEncoder,
    mean_over_time,
    valid_steps,
)
from ser_stream.models.options import Count, Share, Size
from ser_stream.models.papers.ilt_cat import CausalCnn, PaddedWindowModel, check_heads
from ser_stream.models.recurrent import hidden_states
from ser_stream.models.registry import register

VARIANTS = ("cat", "cnn_to_lstm", "lstm_to_cnn", "cnn_plus_lstm")

LSTM_STEPS = 2
"""Steps of the LSTM per step of the front end."""


class FrameReduction(nn.Module):
    """The 1-D convolution in front of the LSTM: five frames become one vector."""

    STRIDE = PaddedWindowModel.frames_per_step // LSTM_STEPS

    def __init__(self, n_mels: int, dimension: int):
        super().__init__()
        self.conv = nn.Conv1d(n_mels, dimension, self.STRIDE, stride=self.STRIDE)

    def forward(self, frames: Tensor) -> Tensor:
        """(batch, frames, n_mels) -> (batch, frames // 10, 2 * dimension): two vectors a step."""
        reduced = self.conv(frames.transpose(-1, -2)).transpose(-1, -2)
        n_steps = reduced.shape[1] // LSTM_STEPS
        whole = reduced[:, : n_steps * LSTM_STEPS]
        return whole.reshape(frames.shape[0], n_steps, LSTM_STEPS * reduced.shape[2])


@register("cat")
class Cat(PaddedWindowModel):
    """The proposed network.

    Args:
        variant: a row of Table 2, see the docstring of this module.
        lstm_input: channels of the 1-D convolution.
        channels, heads, feedforward, layers, dropout, masked: see `ilt_cat.py`.
        positional_encoding: eqs. 3 and 4, added to queries and keys.

    Raises:
        InputError: `variant` is unknown, or `channels` do not fit the CNN or `heads`.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        features: LogMelConfig,
        variant: str = "cat",
        channels: tuple[Size, ...] = (32, 64, 128, 256),
        lstm_input: Size = 128,
        heads: Count = 4,
        feedforward: Size = 512,
        layers: Count = 2,
        dropout: Share = 0.2,
        positional_encoding: bool = True,
        masked: bool = False,
    ):
        super().__init__(labels, features, masked)
        if variant not in VARIANTS:
            raise InputError(f"variant: found {shown(variant)}; accepted are {', '.join(VARIANTS)}")
        self.variant = variant
        self.cnn = CausalCnn(features.dimension, channels, dropout)
        dimension = channels[-1]
        check_heads(dimension, heads)
        self.reduction = FrameReduction(features.dimension, lstm_input)
        self.blstm = nn.LSTM(lstm_input, dimension // 2, batch_first=True, bidirectional=True)
        sizes = (dimension, heads, feedforward, layers, dropout, positional_encoding)
        if variant in ("cat", "cnn_to_lstm"):
            self.cnn_to_lstm = CrossAttentionEncoder(*sizes)
        if variant in ("cat", "lstm_to_cnn"):
            self.lstm_to_cnn = CrossAttentionEncoder(*sizes)
        self.output = nn.Linear(dimension, len(labels))

    def encode(self, features: Tensor) -> Tensor:
        """See the base. A step is the concatenation of c_k and the LSTM's two inputs."""
        frames = self.normalise(features)
        return torch.cat([self.cnn(frames), self.reduction(frames)], dim=2)

    def classify(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        steps, lengths = self.pad(steps, lengths)
        dimension = self.output.in_features
        cnn = steps[..., :dimension]
        inputs = _lstm_inputs(steps[..., dimension:])
        cnn_mask = lstm_mask = lstm_lengths = None
        if lengths is not None:
            lstm_lengths = LSTM_STEPS * lengths
            cnn_mask = valid_steps(cnn.shape[1], lengths)
            lstm_mask = valid_steps(inputs.shape[1], lstm_lengths)
        lstm = hidden_states(self.blstm, inputs, lstm_lengths)

        if self.variant == "cnn_plus_lstm":
            parts = [mean_over_time(cnn, cnn_mask), mean_over_time(lstm, lstm_mask)]
        else:
            parts = []
            if self.variant != "lstm_to_cnn":
                parts.append(mean_over_time(self.cnn_to_lstm(cnn, lstm, lstm_mask), cnn_mask))
            if self.variant != "cnn_to_lstm":
                parts.append(mean_over_time(self.lstm_to_cnn(lstm, cnn, cnn_mask), lstm_mask))
        return self.output(sum(parts))


@register("lstm_transformer")
class LstmTransformer(PaddedWindowModel):
    """1-D convolution, BLSTM and transformer in sequence: Table 2's LSTM-Transformer.

    The paper only names it. Here it is CAT's LSTM branch, with steps of 50 ms, followed by the
    transformer of the CNN-Transformer.

    Args:
        lstm_input: channels of the 1-D convolution.
        hidden: LSTM units per direction, half the transformer's dimension.
        heads, feedforward, layers, dropout, masked: see `ilt_cat.py`.
        positional_encoding: eqs. 3 and 4.

    Raises:
        InputError: `hidden` does not fit `heads`.
    """

    context_frames = 0  # the convolution's five frames lie within a step

    def __init__(
        self,
        labels: tuple[str, ...],
        features: LogMelConfig,
        lstm_input: Size = 128,
        hidden: Size = 128,
        heads: Count = 4,
        feedforward: Size = 512,
        layers: Count = 2,
        dropout: Share = 0.2,
        positional_encoding: bool = True,
        masked: bool = False,
    ):
        super().__init__(labels, features, masked)
        check_heads(2 * hidden, heads)
        self.reduction = FrameReduction(features.dimension, lstm_input)
        self.blstm = nn.LSTM(lstm_input, hidden, batch_first=True, bidirectional=True)
        self.transformer = SelfAttentionEncoder(
            2 * hidden, heads, feedforward, layers, dropout, positional_encoding
        )
        self.output = nn.Linear(2 * hidden, len(labels))

    def encode(self, features: Tensor) -> Tensor:
        return self.reduction(self.normalise(features))

    def classify(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        steps, lengths = self.pad(steps, lengths)
        inputs, mask = _lstm_inputs(steps), None
        if lengths is not None:
            lengths = LSTM_STEPS * lengths
            mask = valid_steps(inputs.shape[1], lengths)
        states = hidden_states(self.blstm, inputs, lengths)
        return self.output(mean_over_time(self.transformer(states, mask), mask))


def _lstm_inputs(steps: Tensor) -> Tensor:
    """(batch, steps, 2 * dimension) -> (batch, 2 * steps, dimension): split each step in two."""
    batch, n_steps, dimension = steps.shape
    return steps.reshape(batch, n_steps * LSTM_STEPS, dimension // LSTM_STEPS)
