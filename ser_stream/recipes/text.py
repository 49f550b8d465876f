"""The recipe of a network of words that learns from texts."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ser_stream.corpora.texts import TEXT_CORPORA
from ser_stream.emotion import BASIC_EMOTIONS
from ser_stream.errors import InputError
from ser_stream.recipes.optimisation import Optimisation
from ser_stream.recipes.settings import build, known, read_settings


@dataclasses.dataclass(frozen=True)
class Stage:
    """Training from the weights that the stage before left.

    Attributes:
        mix: corpus of texts -> weight of each of its texts in the loss.
        balance: 0 for labels as they come, 1 for all labels alike: see `soft_targets`.

    Raises:
        InputError: a value that is not accepted.
    """

    mix: dict[str, float]
    optimisation: Optimisation
    balance: float = 0.0

    def __post_init__(self) -> None:
        if (
            not isinstance(self.mix, dict)
            or not self.mix
            or not self.mix.keys() <= TEXT_CORPORA.keys()
        ):
            raise InputError(
                f"mix: found {self.mix!r}; accepted are weights of {', '.join(TEXT_CORPORA)}"
            )
        for corpus, weight in self.mix.items():
            _check_share(f"mix: {corpus}", weight, 0, 1000)
            if weight == 0:
                raise InputError(f"mix: {corpus}: found 0; leave the corpus out")
        _check_share("balance", self.balance, 0, 1)


@dataclasses.dataclass(frozen=True)
class TextRecipe:
    """Settings of a training run; config/recipes/text-english.yaml explains them.

    Labels are the seven `BASIC_EMOTIONS`.

    Attributes:
        evaluated_on: corpus whose dev part chooses the epoch, whose test part is reported.
        max_words: of the vocabulary.
        max_error_rate: of simulated recognition errors in training, per word.
        marked: share of the training texts that keep their question and exclamation marks. Where
            it is above 0, dev counts each text twice, with and without them.
        options: of `TextModel`; the vocabulary is counted.
        word_vectors: text file of GloVe's that words begin with, of as many values as
            `options: word_dimension` says; none: they begin at random.

    Raises:
        InputError: a value that is not accepted.
    """

    name: str
    evaluated_on: str
    stages: tuple[Stage, ...]
    max_words: int
    max_error_rate: float
    marked: float = 0.0
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    word_vectors: str | None = None

    labels = BASIC_EMOTIONS
    architecture = "can_text"

    def __post_init__(self) -> None:
        if self.evaluated_on not in TEXT_CORPORA:
            raise InputError(
                f"evaluated_on: found {self.evaluated_on!r}; accepted are {', '.join(TEXT_CORPORA)}"
            )
        if type(self.max_words) is not int or self.max_words < 1:
            raise InputError(
                f"max_words: found {self.max_words!r}; accepted is a whole number above 0"
            )
        _check_share("max_error_rate", self.max_error_rate, 0, 1)
        _check_share("marked", self.marked, 0, 1)

    @property
    def corpora(self) -> list[str]:
        """All that a stage is trained on, and the one it is judged on."""
        return sorted({self.evaluated_on}.union(*(stage.mix for stage in self.stages)))


def is_text_recipe(path: Path) -> bool:
    """Whether a file of settings is the recipe of a network that learns from texts."""
    return "stages" in read_settings(path)


def load_text_recipe(path: Path) -> TextRecipe:
    """Read a recipe.

    Raises:
        InputError: the file is missing, is not YAML, or a setting is unknown, missing or wrong.
    """
    where = f"recipe {path}"
    settings = known(TextRecipe, read_settings(path), where)
    stages = settings["stages"]
    if not isinstance(stages, list) or not stages:
        raise InputError(f"{where}: stages: found {stages!r}; accepted is a list of stages")
    settings["stages"] = tuple(
        _stage(stage, f"{where}: stage {number}") for number, stage in enumerate(stages, 1)
    )
    try:
        return TextRecipe(**settings)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _stage(content: Any, where: str) -> Stage:
    settings = known(Stage, content, where)
    optimisation = build(Optimisation, settings.pop("optimisation"), f"{where}: optimisation")
    return build(Stage, {**settings, "optimisation": optimisation}, where)


def _check_share(name: str, value: object, least: float, most: float) -> None:
    right = isinstance(value, int | float) and not isinstance(value, bool)
    if not right or not least <= value <= most:
        raise InputError(f"{name}: found {value!r}; accepted is {least} to {most}")
