"""ILT, an LSTM integrated with a transformer, and the baselines of its Table 1.

He, Minematsu and Saito, section 2.2 and Fig. 1; `ilt_cat.py` lists our choices where the paper is
silent::

    CnnTransformer       CNN -> transformer
    CnnLstmTransformer   CNN -> BLSTM -> transformer
    Ilt                  CNN -+-> BLSTM, attention pooling (eqs. 6-10) -+-> fusion (eqs. 12-16)
                              +-> transformer (eq. 11) -----------------+

Trained parameters, for 4 labels (the paper gives none)::

    convolutions           387,360   3x3, 1-32-64-128-256, no biases: normalisation has its own
    batch normalisation        960   2 for each of 480 channels
    BLSTM                  395,264   2 directions x 4 gates x 128 x (256 + 128 + 2)
    attention pooling          256
    transformer          1,054,208   2 layers x (4 x 256 x 257 + 256 x 513 + 512 x 257 + 4 x 256)
    FC                       1,028   concatenation: 2,052
    trainable plus               2

    CnnTransformer       1,443,556   CnnLstmTransformer 1,838,820
    Ilt, concatenation   1,840,100   plus 1,839,076   trainable plus 1,839,078
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ser_stream.errors import InputError, shown
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.attention import (
    AttentionPooling,
    SelfAttentionEncoder,
    mean_over_time,
    valid_steps,
)
from ser_stream.models.options import Count, Share, Size
from ser_stream.models.papers.ilt_cat import CausalCnn, PaddedWindowModel, check_heads
from ser_stream.models.recurrent import hidden_states
from ser_stream.models.registry import register

FUSIONS = ("concatenation", "plus", "trainable_plus")


@register("cnn_transformer")
class CnnTransformer(PaddedWindowModel):
    """Baseline 1: Fig. 1 without the LSTM (section 3.3).

    Args:
        channels, heads, feedforward, layers, dropout, masked: see `ilt_cat.py`.
        positional_encoding: eqs. 3 and 4. Table 1 has both variants; the better one is the default.

    Raises:
        InputError: `channels` do not fit the CNN or `heads`.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        features: LogMelConfig,
        channels: tuple[Size, ...] = (32, 64, 128, 256),
        heads: Count = 4,
        feedforward: Size = 512,
        layers: Count = 2,
        dropout: Share = 0.2,
        positional_encoding: bool = True,
        masked: bool = False,
    ):
        super().__init__(labels, features, masked)
        self.cnn = CausalCnn(features.dimension, channels, dropout)
        self.dimension = channels[-1]
        check_heads(self.dimension, heads)
        self.transformer = SelfAttentionEncoder(
            self.dimension, heads, feedforward, layers, dropout, positional_encoding
        )
        self.output = nn.Linear(self.dimension, len(labels))

    def encode(self, features: Tensor) -> Tensor:
        return self.cnn(self.normalise(features))

    def classify(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        steps, lengths = self.pad(steps, lengths)
        mask = None if lengths is None else valid_steps(steps.shape[1], lengths)
        return self.output(self.summary(steps, lengths, mask))

    def summary(self, steps: Tensor, lengths: Tensor | None, mask: Tensor | None) -> Tensor:
        """Return the input of the FC layer, (batch, dimension), of a padded window's steps."""
        return mean_over_time(self.transformer(steps, mask), mask)


@register("cnn_lstm_transformer")
class CnnLstmTransformer(CnnTransformer):
    """Baseline 2: the LSTM between CNN and transformer (section 3.3). Arguments as baseline 1."""

    def __init__(self, labels: tuple[str, ...], features: LogMelConfig, *args, **options):
        super().__init__(labels, features, *args, **options)
        self.blstm = _blstm(self.dimension)

    def summary(self, steps: Tensor, lengths: Tensor | None, mask: Tensor | None) -> Tensor:
        return super().summary(hidden_states(self.blstm, steps, lengths), lengths, mask)


@register("ilt")
class Ilt(CnnTransformer):
    """The proposed network: LSTM and transformer in parallel, fused.

    Args:
        fusion: "concatenation" (eq. 12), "plus" (eq. 13) or "trainable_plus" (eqs. 14-16).
        alpha: the LSTM's weight in "plus"; the paper does not give its value.
        positional_encoding: eqs. 3 and 4. Table 1's best row has none.
        others: arguments of `CnnTransformer`.

    Raises:
        InputError: `fusion` is unknown, or `channels` do not fit the CNN or `heads`.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        features: LogMelConfig,
        fusion: str = "trainable_plus",
        alpha: Share = 0.5,
        positional_encoding: bool = False,
        **others,
    ):
        super().__init__(labels, features, positional_encoding=positional_encoding, **others)
        if fusion not in FUSIONS:
            raise InputError(f"fusion: found {shown(fusion)}; accepted are {', '.join(FUSIONS)}")
        self.fusion = fusion
        self.alpha = alpha
        self.blstm = _blstm(self.dimension)
        self.pooling = AttentionPooling(self.dimension)
        if fusion == "concatenation":
            self.output = nn.Linear(2 * self.dimension, len(labels))
        elif fusion == "trainable_plus":
            self.fusion_scores = nn.Parameter(torch.zeros(2))  # W_A, W_B of eqs. 15 and 16

    def summary(self, steps: Tensor, lengths: Tensor | None, mask: Tensor | None) -> Tensor:
        lstm = self.pooling(hidden_states(self.blstm, steps, lengths), mask)
        transformer = super().summary(steps, lengths, mask)
        if self.fusion == "concatenation":
            return torch.cat([lstm, transformer], dim=1)
        lstm_weight, transformer_weight = self.fusion_weights()
        return lstm_weight * lstm + transformer_weight * transformer

    def fusion_weights(self) -> tuple[Tensor | float, Tensor | float]:
        """Return the weights of LSTM and transformer; the paper trained 0.65 and 0.35."""
        if self.fusion == "trainable_plus":
            lstm_weight, transformer_weight = self.fusion_scores.softmax(dim=0)
            return lstm_weight, transformer_weight
        return self.alpha, 1.0 - self.alpha


def _blstm(dimension: int) -> nn.LSTM:
    return nn.LSTM(dimension, dimension // 2, batch_first=True, bidirectional=True)
