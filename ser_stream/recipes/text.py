"""Recipes of networks that see words alone: they learn from corpora of texts."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

from msgspec import Meta

from ser_stream.corpora.texts import TEXT_CORPORA
from ser_stream.emotion import BASIC_EMOTIONS
from ser_stream.errors import InputError, shown
from ser_stream.recipes.optimisation import Optimisation

Share = Annotated[float, Meta(ge=0, le=1)]


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of training; it starts from the weights of the stage before.

    Attributes:
        mix: corpus of texts -> weight of each of its texts in the loss.
        balance: 0 keeps the distribution of the labels, 1 gives all labels the same weight; see
            `soft_targets`.

    Raises:
        InputError: `mix` is empty or names an unknown corpus.
    """

    mix: dict[str, Annotated[float, Meta(gt=0, le=1000)]]
    optimisation: Optimisation
    balance: Share = 0.0

    def __post_init__(self) -> None:
        if not self.mix or not self.mix.keys() <= TEXT_CORPORA.keys():
            raise InputError(
                f"mix: found {shown(self.mix)}; accepted are weights of {', '.join(TEXT_CORPORA)}"
            )


@dataclasses.dataclass(frozen=True)
class TextRecipe:
    """Settings of a training run; config/recipes/streaming/text-english.yaml explains them.

    The labels are the seven `BASIC_EMOTIONS`.

    Attributes:
        evaluated_on: corpus whose dev part selects the epoch and whose test part is reported.
        max_words: size of the vocabulary.
        max_error_rate: highest rate of simulated recognition errors in training, per word.
        marked: share of the training texts that keep their question and exclamation marks. Where
            it is above 0, the dev part has each text twice, with and without them.
        options: keyword arguments of `TextModel`, without the vocabulary: it is made of the most
            frequent words of the training part.
        word_vectors: file of pretrained word vectors in GloVe's text format, with as many values as
            `options: word_dimension` says; None: word vectors are initialised at random.

    Raises:
        InputError: `evaluated_on` is not a corpus of texts, or there is no stage.
    """

    name: str
    evaluated_on: str
    stages: tuple[Stage, ...]
    max_words: Annotated[int, Meta(ge=1, le=5_000_000)]
    max_error_rate: Share
    marked: Share = 0.0
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    word_vectors: str | None = None

    labels = BASIC_EMOTIONS
    architecture = "can_text"

    def __post_init__(self) -> None:
        if self.evaluated_on not in TEXT_CORPORA:
            raise InputError(
                f"evaluated_on: found {shown(self.evaluated_on)}; accepted are "
                f"{', '.join(TEXT_CORPORA)}"
            )
        if not self.stages:
            raise InputError("stages: found []; accepted is a list of one stage or more")

    @property
    def corpora(self) -> list[str]:
        """Names of the corpora of texts of all stages and of the evaluation."""
        return sorted({self.evaluated_on}.union(*(stage.mix for stage in self.stages)))
