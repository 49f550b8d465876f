"""The cross attention of CAN (Lee, Yoon and Jung, Interspeech 2020, eqs. 4-9)."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from ser_stream.models.attention import GlobalAttention, aggregate


class Contexts(NamedTuple):
    """Context vectors (eqs. 6-9), each (batch, heads * dimension).

    `ta` are the audio's states aggregated by the text's weights. Without cross attention `ta` and
    `at` are None.
    """

    tt: Tensor
    ta: Tensor | None
    aa: Tensor
    at: Tensor | None


class CrossAttention(nn.Module):
    """Global attention of each modality, whose weights aggregate both modalities (eqs. 4-9).

    Args:
        dimension: dimension of the states of both modalities.
        heads: attention heads of each modality.
        stop_gradient: whether the contexts of the other modality have no gradient with respect to
            the attention weights.
        cross: whether the weights also aggregate the other modality.
    """

    def __init__(self, dimension: int, heads: int, stop_gradient: bool = True, cross: bool = True):
        super().__init__()
        self.text = GlobalAttention(dimension, heads)
        self.audio = GlobalAttention(dimension, heads)
        self.stop_gradient = stop_gradient
        self.cross = cross

    def forward(self, text: Tensor, audio: Tensor, mask: Tensor) -> Contexts:
        """Aggregate the states of both modalities.

        Args:
            text, audio: states (batch, segments, dimension).
            mask: (batch, segments), False for padding.
        """
        by_text, by_audio = self.text(text, mask), self.audio(audio, mask)
        tt, aa = aggregate(by_text, text), aggregate(by_audio, audio)
        if not self.cross:
            return Contexts(tt, None, aa, None)
        if self.stop_gradient:
            by_text, by_audio = by_text.detach(), by_audio.detach()
        return Contexts(tt, aggregate(by_text, audio), aa, aggregate(by_audio, text))
