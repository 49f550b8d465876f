"""Recipes of networks that see speech and words: they learn from pairs of clips and texts."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

from msgspec import Meta

from ser_stream.corpora.texts import TEXT_CORPORA
from ser_stream.errors import InputError, shown
from ser_stream.recipes.speech import Recipe, speech_recipe
from ser_stream.validation import convert


@dataclasses.dataclass(frozen=True)
class _TextSettings:
    """Settings of the text side of a `SpeechTextRecipe`."""

    texts: tuple[str, ...]
    text_branch: str
    max_error_rate: Annotated[float, Meta(ge=0, le=1)]

    def __post_init__(self) -> None:
        for corpus in self.texts:
            if corpus not in TEXT_CORPORA:
                raise InputError(
                    f"texts: found {shown(corpus)}; accepted is a list of {', '.join(TEXT_CORPORA)}"
                )


@dataclasses.dataclass(frozen=True)
class SpeechTextRecipe:
    """Settings of a training run on pairs of clips and texts.

    In the YAML file the settings of `voices` and the others stand side by side.

    Attributes:
        voices: clips, their augmentation, the optimisation and the network; its
            `utterances_per_epoch` counts pairs.
        texts: names of corpora of texts.
        text_branch: pretrained model of the text branch: its name or folder.
        max_error_rate: highest rate of simulated recognition errors in training, per word.
    """

    voices: Recipe
    texts: tuple[str, ...]
    text_branch: str
    max_error_rate: float


def speech_text_recipe(content: dict[str, Any], where: str) -> SpeechTextRecipe:
    """Build a recipe of parsed YAML; `where` names its source in errors.

    Raises:
        InputError: a setting is unknown, missing or has a value that is not accepted.
    """
    own = [field.name for field in dataclasses.fields(_TextSettings)]
    texts = convert({n: v for n, v in content.items() if n in own}, _TextSettings, where)
    voices = speech_recipe({n: v for n, v in content.items() if n not in own}, where)
    return SpeechTextRecipe(voices, texts.texts, texts.text_branch, texts.max_error_rate)
