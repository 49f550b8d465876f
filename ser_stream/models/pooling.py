"""The base class of networks that pool a window into one vector."""

from __future__ import annotations

from torch import Tensor, nn

from ser_stream.models.base import EmotionModel


class PoolingModel(EmotionModel):
    """Base of the networks whose output layers are given one vector per window.

    Attributes:
        dropout: dropout of that vector.
        output: output layer of the logits.
        affect: output layer of valence and arousal, fitted afterwards by `tools/fit_affect.py`, or
            None.
    """

    dropout: nn.Dropout
    output: nn.Linear
    affect: nn.Linear | None

    def embed(
        self, steps: Tensor, lengths: Tensor | None = None, offset: Tensor | None = None
    ) -> Tensor:
        """Return the vector of each window, (batch, n). Arguments as `score`."""
        raise NotImplementedError

    def classify(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.score(steps, lengths)[0]

    def score(
        self, steps: Tensor, lengths: Tensor | None = None, offset: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        pooled = self.embed(steps, lengths, offset)
        affect = None if self.affect is None else self.affect(pooled).clamp(-1, 1)
        return self.output(self.dropout(pooled)), affect
