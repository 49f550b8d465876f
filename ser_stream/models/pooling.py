"""What networks have in common that answer from one vector for a window."""

from __future__ import annotations

from torch import Tensor, nn

from ser_stream.models.base import EmotionModel


class PoolingModel(EmotionModel):
    """Base of networks whose output layers see a window as one vector.

    Attributes:
        dropout: of that vector.
        output: layer of logits.
        affect: layer of valence and arousal, see `training.affect`; None: there is none.
    """

    dropout: nn.Dropout
    output: nn.Linear
    affect: nn.Linear | None

    def embed(
        self, steps: Tensor, lengths: Tensor | None = None, offset: Tensor | None = None
    ) -> Tensor:
        """What the output layers see of a window: arguments as `judge`, (batch, n)."""
        raise NotImplementedError

    def classify(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.score(steps, lengths)[0]

    def score(
        self, steps: Tensor, lengths: Tensor | None = None, offset: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        pooled = self.embed(steps, lengths, offset)
        affect = None if self.affect is None else self.affect(pooled).clamp(-1, 1)
        return self.output(self.dropout(pooled)), affect
