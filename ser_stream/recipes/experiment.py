"""An experiment: one row of a paper's table, as a file of settings."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import get_corpus
from ser_stream.data.forced_alignment import ALIGNERS
from ser_stream.data.recordings import ClipSettings
from ser_stream.emotion import canonical_label
from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.info import read_features
from ser_stream.recipes.optimisation import Optimisation
from ser_stream.recipes.protocols import Protocol
from ser_stream.recipes.settings import (
    build,
    known,
    listed,
    of_experiment,
    overlay,
    read_settings,
)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What is trained, on what, how, and how it is judged.

    Attributes:
        source: the paper and the row, or what it is instead.
        labels: utterances with other labels are left out.
        merge: label -> label of `labels` it counts as, such as excited -> happy.
        exclude: keys of utterances that are left out, such as iemocap/Ses03M_impro03_M001; those
            that are not there are no error.
        seeds: of splits and of weights; each is trained on all folds of the protocol.
        alignment: "pocketsphinx": words that a corpus gives no times of are found in the sound.
        word_vectors: text file of GloVe's that words begin with; none: they begin at random.
    """

    name: str
    source: str
    architecture: str
    labels: tuple[str, ...]
    corpora: tuple[str, ...]
    protocol: Protocol
    optimisation: Optimisation
    features: LogMelConfig
    merge: dict[str, str] = dataclasses.field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    clip: ClipSettings = dataclasses.field(default_factory=ClipSettings)
    alignment: str | None = None
    word_vectors: str | None = None
    exclude: tuple[str, ...] | None = None

    @property
    def identity(self) -> str:
        """Short hash of all that decides its figures, but the seeds: runs of another are others."""
        content = _set(dataclasses.asdict(dataclasses.replace(self, name="", source="", seeds=())))
        content["kind"] = type(self.features).__name__
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]

    def labelled(self, utterances: list[Utterance]) -> list[Utterance]:
        """Those with a label of the experiment, merged into it, and not excluded.

        Raises:
            InputError: a label has no utterance.
        """
        kept = []
        for utterance in utterances:
            label = self.merge.get(utterance.label, utterance.label)
            if label in self.labels and utterance.key not in (self.exclude or ()):
                kept.append(dataclasses.replace(utterance, label=label))
        missing = sorted(set(self.labels) - {u.label for u in kept})
        if missing:
            raise InputError(
                f"experiment {self.name}: no utterance of {', '.join(self.corpora)} is "
                f"{' or '.join(missing)}; name other labels or corpora"
            )
        return kept


def _set(content: dict[str, Any]) -> dict[str, Any]:
    """Settings without those that are left out: one more leaves earlier runs what they are."""
    return {
        name: _set(value) if isinstance(value, dict) else value
        for name, value in content.items()
        if value is not None
    }


def load_experiment(path: Path, *over: dict[str, Any]) -> Experiment:
    """Read an experiment.

    Args:
        over: settings that go over those of the file, the last over all.

    Raises:
        InputError: a file is missing or is not YAML; a setting is unknown, missing or wrong.
    """
    content = read_settings(path)
    if not of_experiment(content):
        raise InputError(
            f"recipe {path}: it is of a model that streams, for train and evaluate; accepted is a "
            "paper's experiment, such as config/recipes/cat.yaml"
        )
    for settings in over:
        content = overlay(content, settings)
    return experiment_from_dict(content, f"recipe {path}")


def experiment_from_dict(content: dict[str, Any], where: str) -> Experiment:
    """Check settings; `where` names their source in errors."""
    settings = known(Experiment, content, where)
    for name, kind in (
        ("protocol", Protocol), ("optimisation", Optimisation), ("clip", ClipSettings),
    ):  # fmt: skip
        settings[name] = build(kind, settings.get(name), f"{where}: {name}")
    listed(settings, ("labels", "corpora", "seeds", "exclude"), where)
    try:
        settings["features"] = read_features(settings["features"] or {})
        settings["labels"] = tuple(canonical_label(label) for label in settings["labels"])
        settings["merge"] = {
            canonical_label(label): canonical_label(into)
            for label, into in (settings.get("merge") or {}).items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{where}: {error}") from error
    for corpus in settings["corpora"]:
        get_corpus(corpus)
    for label, into in settings["merge"].items():
        if into not in settings["labels"] or label in settings["labels"]:
            raise InputError(
                f"{where}: merge: found {label}: {into}; accepted is a label that is not among "
                f"labels: one that is"
            )
    seeds = settings.get("seeds", (0,))
    if not seeds or not all(isinstance(seed, int) and seed >= 0 for seed in seeds):
        raise InputError(f"{where}: seeds: found {list(seeds)}; accepted are numbers from 0 on")
    alignment = settings.get("alignment")
    if alignment is not None and alignment not in ALIGNERS:
        raise InputError(
            f"{where}: alignment: found {alignment!r}; accepted are {', '.join(ALIGNERS)}"
        )
    experiment = Experiment(**settings)
    if experiment.optimisation.needs_validation and experiment.protocol.validation == 0:
        raise InputError(
            f"{where}: optimisation: patience above 0 and the schedule plateau need a validation "
            f"part, and the protocol {experiment.protocol.name} has validation: 0"
        )
    return experiment


def recipes_folder() -> Path:
    """Where the recipes are: in the source tree, or where the package was installed.

    Raises:
        InputError: in neither.
    """
    tree = Path(__file__).parents[2] / "config" / "recipes"
    folders = [tree, *(Path(prefix) / "share/ser_stream/config/recipes" for prefix in _prefixes())]
    for folder in folders:
        if folder.is_dir():
            return folder
    raise InputError(f"recipes: looked for {', '.join(map(str, folders))}")


def _prefixes() -> list[str]:
    """Of this Python, and of the ROS workspaces that are sourced."""
    workspaces = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    return [sys.prefix, *filter(None, workspaces)]


def read_overlays(names: list[str]) -> list[dict[str, Any]]:
    """Settings that go over an experiment's: files in the recipes' folder `settings`, or paths.

    Raises:
        InputError: there is no such file, or it is no file of settings.
    """
    overlays = []
    for name in names:
        path = Path(name)
        if path.suffix != ".yaml":
            path = recipes_folder() / "settings" / f"{name}.yaml"
            if not path.is_file():
                there = sorted(other.stem for other in path.parent.glob("*.yaml"))
                raise InputError(f"settings: found {name!r}; accepted are {', '.join(there)}")
        overlays.append(read_settings(path))
    return overlays


def is_experiment(path: Path) -> bool:
    """Whether a file of settings is an experiment, and not the recipe of a model that streams."""
    return of_experiment(read_settings(path))
