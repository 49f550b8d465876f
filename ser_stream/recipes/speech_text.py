"""The recipe of a network that hears sound and words, trained on pairs of clips and texts."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ser_stream.corpora.texts import TEXT_CORPORA
from ser_stream.errors import InputError
from ser_stream.recipes.settings import read_settings
from ser_stream.recipes.speech import Recipe, recipe_from_dict

OWN = ("texts", "text_branch", "max_error_rate")


@dataclasses.dataclass(frozen=True)
class SpeechTextRecipe:
    """Settings of a run.

    Attributes:
        voices: of clips, their augmentation, optimisation and network; its `utterances_per_epoch`
            are pairs.
        texts: corpora of texts.
        text_branch: model that the text branch begins with: a name, or a folder.
        max_error_rate: of simulated recognition errors in training, per word.
    """

    voices: Recipe
    texts: tuple[str, ...]
    text_branch: str
    max_error_rate: float


def is_speech_text_recipe(path: Path) -> bool:
    """Whether a file of settings is such a recipe."""
    return "text_branch" in read_settings(path)


def load_speech_text_recipe(path: Path) -> SpeechTextRecipe:
    """Read a recipe: settings of `Recipe`, and those above.

    Raises:
        InputError: the file is missing, is not YAML, or a setting is unknown, missing or wrong.
    """
    content = read_settings(path)
    where = f"recipe {path}"
    missing = [name for name in OWN if name not in content]
    if missing:
        raise InputError(f"{where}: settings missing: {', '.join(missing)}")
    texts = content["texts"]
    if not isinstance(texts, list) or not set(texts) <= TEXT_CORPORA.keys():
        raise InputError(
            f"{where}: texts: found {texts!r}; accepted is a list of {', '.join(TEXT_CORPORA)}"
        )
    voices = {name: value for name, value in content.items() if name not in OWN}
    recipe = recipe_from_dict(voices, where)
    rate = content["max_error_rate"]
    if not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise InputError(f"{where}: max_error_rate: found {rate!r}; accepted is a share, 0 to 1")
    return SpeechTextRecipe(recipe, tuple(texts), str(content["text_branch"]), rate)
