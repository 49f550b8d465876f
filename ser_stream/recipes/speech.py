"""The recipe of a model that streams: everything that decides what a training run gives."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import CORPORA, get_corpus
from ser_stream.data.augmentation import Augmentation
from ser_stream.emotion import canonical_label, merge_label
from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.recipes.optimisation import Optimisation
from ser_stream.recipes.protocols import Protocol
from ser_stream.recipes.settings import build, known, listed, of_experiment, read_settings


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of a training run; config/recipes/default.yaml explains them.

    Attributes:
        speakers: "test" and "validation" -> corpus -> speakers as the corpus names them.
        mix: corpus -> share of an epoch's utterances; they sum to 1.
        noise_folds: folds of ESC-10 whose sounds are added as noise; none = coloured noise only.
        motors: how many synthetic motors are added to them.
        channel_simulations: simulated channels of each utterance, see `simulate_channel`.
        teachers_share: how much of what is learned is teachers' opinion, the rest the label.
        calibration_clips: to so many recordings of each corpus's validation speakers confidence is
            fitted; none: to all.
        eight_bit: the finished weights are rounded to eight bits.
        smoothing, confidence_floor: of the finished model, see `ModelInfo`.
        folds: a protocol whose folds are the test speakers in turn, each of a network of its own.
        folds_of: the corpus that is divided into them; none: all together.
    """

    name: str
    architecture: str
    labels: tuple[str, ...]
    corpora: tuple[str, ...]
    speakers: dict[str, dict[str, list]]
    mix: dict[str, float]
    utterances_per_epoch: int
    optimisation: Optimisation
    speeds: tuple[float, ...] = (1.0,)
    noise_folds: tuple[int, ...] = ()
    motors: int = 0
    channel_simulations: int = 0
    teachers_share: float = 0.0
    calibration_clips: int | None = None
    eight_bit: bool = False
    smoothing: float = 0.0
    confidence_floor: float = 0.0
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    features: LogMelConfig = dataclasses.field(default_factory=LogMelConfig)
    augmentation: Augmentation = dataclasses.field(default_factory=Augmentation)
    folds: Protocol | None = None
    folds_of: str | None = None

    def split(self, utterances: list[Utterance]) -> dict[str, list[Utterance]]:
        """Utterances by part: "train", "validation" and "test", which share no speaker.

        Labels are merged into the recipe's (calm into neutral); utterances whose label it has no
        place for are left out.

        Raises:
            InputError: a speaker that the recipe names is not in the corpora.
        """
        part_of = {
            _speaker(corpus, speaker): part
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

    def require_labels(self, labels: tuple[str, ...], model: str) -> None:
        """Check that a model has the recipe's labels, in whatever order.

        Raises:
            InputError: it has others.
        """
        if set(labels) != set(self.labels):
            raise InputError(
                f"recipe {self.name} has the labels {', '.join(self.labels)}, but model {model} "
                f"has {', '.join(labels)}; they must be the same"
            )


def _speaker(corpus: str, speaker: int | str) -> str:
    """As utterances name a speaker, which the corpus, and a recipe, may name shorter."""
    if str(speaker).startswith(f"{corpus}-"):
        return speaker
    return CORPORA[corpus].speaker_name(speaker)


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        InputError: the file is missing, is not YAML, or a setting is unknown, missing or wrong.
    """
    content = read_settings(path)
    if of_experiment(content):
        raise InputError(
            f"recipe {path}: it is a paper's experiment, for train, report and figures; accepted "
            "is the recipe of a model that streams, such as config/recipes/default.yaml"
        )
    return recipe_from_dict(content, f"recipe {path}")


def recipe_from_dict(content: dict[str, Any], where: str) -> Recipe:
    """Check a recipe's settings; `where` names their source in errors."""
    settings = known(Recipe, content, where)
    for name, kind in (
        ("features", LogMelConfig), ("augmentation", Augmentation), ("optimisation", Optimisation),
    ):  # fmt: skip
        settings[name] = build(kind, content.get(name), f"{where}: {name}")
    if settings.get("folds") is not None:
        settings["folds"] = build(Protocol, settings["folds"], f"{where}: folds")
    listed(settings, ("labels", "corpora", "speeds", "noise_folds"), where)
    counts = {"utterances_per_epoch": settings["utterances_per_epoch"]}
    if settings.get("calibration_clips") is not None:
        counts["calibration_clips"] = settings["calibration_clips"]
    for name, number in counts.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise InputError(
                f"{where}: {name}: found {number!r}; accepted is a whole number above 0"
            )
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


def _sums_to_one(shares: dict[str, float]) -> bool:
    return abs(sum(shares.values()) - 1.0) < 1e-6
