"""A training recipe: everything that decides what a training run gives, in one YAML file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import CORPORA, get_corpus
from ser_stream.emotion import canonical_label, merge_label
from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.training.augment import Augmentation

NUMBERS = {
    "utterances_per_epoch": int,
    "epochs": int,
    "batch_size": int,
    "learning_rate": (int, float),
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of a training run; config/recipes/default.yaml explains them.

    Attributes:
        speakers: "test" and "validation" -> corpus -> speakers as the corpus names them.
        mix: corpus -> share of an epoch's utterances; they sum to 1.
        noise_folds: folds of ESC-10 whose sounds are added as noise; none = coloured noise only.
        smoothing, confidence_floor: of the finished model, see `ModelInfo`.
    """

    name: str
    architecture: str
    labels: tuple[str, ...]
    corpora: tuple[str, ...]
    speakers: dict[str, dict[str, list]]
    mix: dict[str, float]
    utterances_per_epoch: int
    epochs: int
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    average: float = 0.998
    speeds: tuple[float, ...] = (1.0,)
    noise_folds: tuple[int, ...] = ()
    smoothing: float = 0.0
    confidence_floor: float = 0.0
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    features: LogMelConfig = dataclasses.field(default_factory=LogMelConfig)
    augmentation: Augmentation = dataclasses.field(default_factory=Augmentation)

    def split(self, utterances: list[Utterance]) -> dict[str, list[Utterance]]:
        """Utterances by part: "train", "validation" and "test", which share no speaker.

        Labels are merged into the recipe's (calm into neutral); utterances whose label it has no
        place for are left out.

        Raises:
            InputError: a speaker that the recipe names is not in the corpora.
        """
        part_of = {
            CORPORA[corpus].speaker_name(speaker): part
            for part, corpora in self.speakers.items()
            for corpus, speakers in corpora.items()
            for speaker in speakers
        }
        missing = sorted(part_of.keys() - {u.speaker for u in utterances})
        if missing:
            raise InputError(
                f"recipe {self.name}: speakers {', '.join(missing)} are not in the corpora; "
                "is a corpus incomplete?"
            )
        parts: dict[str, list[Utterance]] = {"train": [], "validation": [], "test": []}
        for utterance in utterances:
            label = merge_label(utterance.label, self.labels)
            if label is not None:
                part = part_of.get(utterance.speaker, "train")
                parts[part].append(dataclasses.replace(utterance, label=label))
        return parts


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        InputError: the file is missing, is not YAML, or a setting is unknown, missing or wrong.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"recipe {path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"recipe {path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"recipe {path}: found {type(content).__name__}, expected settings")
    return recipe_from_dict(content, str(path))


def recipe_from_dict(content: dict[str, Any], where: str) -> Recipe:
    """Check a recipe's settings; `where` names their source in errors."""
    settings = _known_settings(Recipe, content, where)
    settings["features"] = _nested(LogMelConfig, content.get("features"), f"{where}: features")
    settings["augmentation"] = _nested(
        Augmentation, content.get("augmentation"), f"{where}: augmentation"
    )
    for name in ("labels", "corpora", "speeds", "noise_folds"):
        if name in settings:
            if not isinstance(settings[name], list):
                raise InputError(f"{where}: {name}: found {settings[name]!r}; accepted is a list")
            settings[name] = tuple(settings[name])
    for name, kind in NUMBERS.items():
        value = settings.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, kind) or not value > 0:
            raise InputError(f"{where}: {name}: found {value!r}; accepted is a number above 0")
    required = [field.name for field in dataclasses.fields(Recipe) if _is_required(field)]
    missing = [name for name in required if name not in settings]
    if missing:
        raise InputError(f"{where}: settings missing: {', '.join(missing)}")
    settings["labels"] = tuple(canonical_label(label) for label in settings["labels"])
    for corpus in settings["corpora"]:
        get_corpus(corpus)
    for part, corpora in settings["speakers"].items():
        if part not in ("test", "validation") or not corpora.keys() <= CORPORA.keys():
            raise InputError(
                f"{where}: speakers: found {part}: {', '.join(corpora)}; accepted are test and "
                f"validation, each with speakers of {', '.join(CORPORA)}"
            )
    if set(settings["mix"]) != set(settings["corpora"]) or not _sums_to_one(settings["mix"]):
        raise InputError(f"{where}: mix must give each corpus a share, and the shares sum to 1")
    return Recipe(**settings)


def _known_settings(kind: type, content: dict, where: str) -> dict:
    names = [field.name for field in dataclasses.fields(kind)]
    unknown = [name for name in content if name not in names]
    if unknown:
        raise InputError(
            f"{where}: unknown setting {', '.join(map(str, unknown))}; accepted are "
            f"{', '.join(names)}"
        )
    return dict(content)


def _nested(kind: type, content: dict | None, where: str):
    settings = _known_settings(kind, content or {}, where)
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})


def _is_required(field: dataclasses.Field) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _sums_to_one(shares: dict[str, float]) -> bool:
    return abs(sum(shares.values()) - 1.0) < 1e-6
