"""The loader of recipes: the `kind:` of a file decides which settings it accepts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, overload

from ser_stream.errors import InputError, shown
from ser_stream.recipes.experiment import Experiment
from ser_stream.recipes.settings import overlay, read_settings
from ser_stream.recipes.speech import Recipe, speech_recipe
from ser_stream.recipes.speech_text import SpeechTextRecipe, speech_text_recipe
from ser_stream.recipes.text import TextRecipe
from ser_stream.validation import convert

AnyRecipe = Recipe | TextRecipe | SpeechTextRecipe | Experiment
RecipeT = TypeVar("RecipeT", Recipe, TextRecipe, SpeechTextRecipe, Experiment)


@dataclasses.dataclass(frozen=True)
class _Kind:
    """A kind of recipe.

    Attributes:
        settings: dataclass of its settings.
        build: makes it of parsed YAML and the name of the source for errors.
        title: what a recipe of this kind describes.
        example: a file of this kind.
    """

    settings: type
    build: Callable[[dict[str, Any], str], AnyRecipe]
    title: str
    example: str


KINDS = {
    "speech": _Kind(
        Recipe, speech_recipe, "a model that streams", "config/recipes/streaming/default.yaml"
    ),
    "text": _Kind(
        TextRecipe,
        lambda content, where: convert(content, TextRecipe, where),
        "a network that sees words alone",
        "config/recipes/streaming/text-english.yaml",
    ),
    "speech_text": _Kind(
        SpeechTextRecipe,
        speech_text_recipe,
        "a network that sees speech and words",
        "config/recipes/streaming/can-english.yaml",
    ),
    "experiment": _Kind(
        Experiment,
        lambda content, where: convert(content, Experiment, where),
        "a paper's experiment",
        "config/recipes/papers/he/cat.yaml",
    ),
}
"""Value of `kind:` -> kind of recipe."""


@overload
def load_recipe(path: Path, *, overlays: Sequence[dict[str, Any]] = ()) -> AnyRecipe: ...


@overload
def load_recipe(
    path: Path, wanted: type[RecipeT], *, overlays: Sequence[dict[str, Any]] = ()
) -> RecipeT: ...


def load_recipe(
    path: Path, wanted: type | None = None, *, overlays: Sequence[dict[str, Any]] = ()
) -> AnyRecipe:
    """Read a recipe of any kind, or of the kind that is wanted.

    Args:
        wanted: `Recipe`, `TextRecipe`, `SpeechTextRecipe` or `Experiment`; None accepts each.
        overlays: settings that go over those of an experiment, see `read_overlays`; the last one
            goes over all others.

    Raises:
        InputError: a file is missing or is not YAML; the kind is missing, unknown or not the one
            wanted; there are overlays, but the recipe is not an experiment; a setting is unknown,
            missing or has a value that is not accepted.
    """
    content = read_settings(path)
    where = f"recipe {path}"
    kind = _kind(content.pop("kind", None), where)
    if wanted not in (None, kind.settings):
        other = next(each for each in KINDS.values() if each.settings is wanted)
        raise InputError(
            f"{where}: it is the recipe of {kind.title}; accepted is one of {other.title}, such as "
            f"{other.example}"
        )
    if overlays and kind.settings is not Experiment:
        raise InputError(f"{where}: --on: goes with the recipe of an experiment")
    for settings in overlays:
        content = overlay(content, settings)
    return kind.build(content, where)


def _kind(name: object, where: str) -> _Kind:
    accepted = f"accepted are {', '.join(KINDS)}"
    if name is None:
        raise InputError(f"{where}: kind: missing; {accepted}")
    if not isinstance(name, str) or name not in KINDS:
        raise InputError(f"{where}: kind: found {shown(name)}; {accepted}")
    return KINDS[name]
