"""Folders of the recipes, and of the settings that are laid over them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from ser_stream.errors import InputError, shown
from ser_stream.recipes.settings import read_settings


def recipes_folder() -> Path:
    """Return the folder of the recipes: in the source tree, or where the package was installed.

    Raises:
        InputError: it is in neither place.
    """
    tree = Path(__file__).parents[2] / "config" / "recipes"
    folders = [tree, *(Path(prefix) / "share/ser_stream/config/recipes" for prefix in _prefixes())]
    for folder in folders:
        if folder.is_dir():
            return folder
    raise InputError(f"recipes: looked for {', '.join(map(str, folders))}; found none of them")


def _prefixes() -> list[str]:
    """Return the prefixes of this Python and of the ROS workspaces that are sourced."""
    workspaces = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    return [sys.prefix, *filter(None, workspaces)]


def experiment_path(name: str) -> Path:
    """Return the recipe of a row of a paper's table.

    `papers/he/cat.yaml` is called cat; `papers/sherman/ravdess.yaml`, whose folder is part of its
    name, is called sherman-ravdess.

    Raises:
        InputError: there is no such recipe.
    """
    papers = recipes_folder() / "papers"
    for path in sorted(papers.glob("*/*.yaml")):
        if name in (path.stem, f"{path.parent.name}-{path.stem}"):
            return path
    raise InputError(f"recipe: found {shown(name)}, which is not in {papers}")


def read_overlays(names: list[str]) -> list[dict[str, Any]]:
    """Read settings that are laid over those of an experiment.

    Args:
        names: files in the folder `settings` of the recipes, without .yaml; or paths of YAML files.

    Raises:
        InputError: there is no such file, or it is not a file of settings.
    """
    overlays = []
    for name in names:
        path = Path(name)
        if path.suffix != ".yaml":
            path = recipes_folder() / "settings" / f"{name}.yaml"
            if not path.is_file():
                there = sorted(other.stem for other in path.parent.glob("*.yaml"))
                raise InputError(f"settings: found {shown(name)}; accepted are {', '.join(there)}")
        overlays.append(read_settings(path))
    return overlays
