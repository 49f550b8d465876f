"""Recipes of models that stream: they learn from corpora of labelled speech."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal

from msgspec import Meta

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import get_corpus
from ser_stream.data.augmentation import Augmentation, SimulatedNoise
from ser_stream.emotion import canonical_label, merge_label
from ser_stream.errors import InputError, shown
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.recipes.optimisation import Optimisation
from ser_stream.recipes.protocols import Protocol
from ser_stream.validation import convert

Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
PARTS = ("test", "validation")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of a training run; config/recipes/streaming/crnn.yaml explains most of them.

    Attributes:
        architecture, options: name in `ser_stream.models.registry` and its keyword arguments.
        speakers: "test" and "validation" -> corpus -> speakers, named as in the corpus.
        mix: corpus -> share of the utterances of an epoch; the shares sum to 1.
        speeds: factors of speed perturbation; each utterance is stored once per factor.
        noise_folds: folds of ESC-10 whose sounds are added as noise; empty: coloured noise only.
        noises: recorded noises: "esc10", of `noise_folds`, and "noise", see `corpora.sounds`; None:
            those of ESC-10 if there are folds.
        motors: number of synthetic motor sounds among the noises.
        channel_simulations: simulated channels per utterance, see `simulate_channel`.
        rooms: rooms of the simulated channels: "simulated", or "measured" ones, see
            `corpora.sounds`; None: simulated.
        simulated_noise: noise and level of the simulated channels, for a frozen encoder; None:
            windows are mixed with noise while they are drawn.
        commercial_sounds: use only those noises and measured rooms whose licences permit commercial
            use; None: all.
        teachers_share: weight of the teachers' probabilities in the targets; the rest is the
            weight of the labels.
        calibration_clips: number of recordings per corpus, of validation speakers, to which the
            confidence is calibrated; None: all.
        eight_bit: round the trained weights to eight bits.
        smoothing, confidence_floor: settings of the trained model, see `ModelInfo` and
            `Calibration`.
        folds: protocol of a cross-validation, in which each fold trains a network of its own and
            validates on the speakers under "validation"; None: one network, tested on `speakers`.
        folds_of: corpus that the protocol divides; None: all corpora together.

    Raises:
        InputError: a label, corpus or part is unknown, the shares do not sum to 1, `folds` has a
            validation part, which would be ignored, or the settings of sounds contradict each
            other.
    """

    name: str
    architecture: str
    labels: tuple[str, ...]
    corpora: tuple[str, ...]
    speakers: dict[str, dict[str, list[int | str]]]
    mix: dict[str, Share]
    utterances_per_epoch: Annotated[int, Meta(ge=1, le=10_000_000)]
    optimisation: Optimisation
    speeds: tuple[Annotated[float, Meta(gt=0)], ...] = (1.0,)
    noise_folds: tuple[int, ...] = ()
    motors: Count = 0
    channel_simulations: Count = 0
    teachers_share: Share = 0.0
    calibration_clips: Annotated[int, Meta(ge=1)] | None = None
    eight_bit: bool = False
    smoothing: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    confidence_floor: Share = 0.0
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    features: LogMelConfig = dataclasses.field(default_factory=LogMelConfig)
    augmentation: Augmentation = dataclasses.field(default_factory=Augmentation)
    folds: Protocol | None = None
    folds_of: str | None = None
    noises: tuple[Literal["esc10", "noise"], ...] | None = None
    rooms: Literal["simulated", "measured"] | None = None
    commercial_sounds: bool | None = None
    simulated_noise: SimulatedNoise | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(canonical_label(label) for label in self.labels))
        for corpus in self.corpora:
            get_corpus(corpus)
        for part, corpora in self.speakers.items():
            if part not in PARTS:
                raise InputError(f"speakers: found {shown(part)}; accepted are {', '.join(PARTS)}")
            for corpus in corpora:
                get_corpus(corpus)
        if abs(sum(self.mix.values()) - 1.0) > 1e-6:
            raise InputError(f"mix: found {shown(self.mix)}; accepted are shares that sum to 1")
        if self.folds is not None and self.folds.validation != 0:
            raise InputError(
                f"folds: validation: found {shown(self.folds.validation)}; accepted is 0: "
                "all folds validate on the speakers that are named under speakers: validation"
            )
        self._check_sounds()

    def _check_sounds(self) -> None:
        if self.noises is not None and ("esc10" in self.noises) != bool(self.noise_folds):
            found = f"{shown(list(self.noises))} with noise_folds {shown(list(self.noise_folds))}"
            raise InputError(
                f"noises: found {found}; esc10 needs folds, such as [1, 2, 3], and without it "
                "accepted is noise_folds: []"
            )
        if self.rooms is not None and not self.channel_simulations:
            raise InputError(
                f"rooms: found {shown(self.rooms)} with channel_simulations 0, which simulates no "
                "room; accepted is channel_simulations from 1"
            )

    @property
    def noise_names(self) -> tuple[str, ...]:
        """Names of the recorded noises that training mixes with speech."""
        if self.noises is not None:
            return tuple(dict.fromkeys(self.noises))
        return ("esc10",) if self.noise_folds else ()

    def split(self, utterances: list[Utterance]) -> dict[str, list[Utterance]]:
        """Divide utterances into the parts "train", "validation" and "test" by speaker.

        Labels are merged into those of the recipe (calm into neutral); utterances whose label the
        recipe lacks are left out.

        Raises:
            InputError: a speaker of the recipe is not in the corpora.
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
        """Check that a model has the labels of the recipe, in any order.

        Raises:
            InputError: the model has other labels.
        """
        if set(labels) != set(self.labels):
            raise InputError(
                f"recipe {self.name} has the labels {', '.join(self.labels)}, but model {model} "
                f"has {', '.join(labels)}; they must be the same"
            )


def _speaker(corpus: str, speaker: int | str) -> str:
    """Return the name of a speaker in `Utterance`; recipes may use the corpus's shorter name."""
    if isinstance(speaker, str) and speaker.startswith(f"{corpus}-"):
        return speaker
    return get_corpus(corpus).speaker_name(speaker)


def speech_recipe(content: dict[str, Any], where: str) -> Recipe:
    """Build a recipe of parsed YAML; `where` names its source in errors.

    Raises:
        InputError: a setting is unknown, missing or has a value that is not accepted.
    """
    recipe = convert(content, Recipe, where)
    if set(recipe.mix) != set(recipe.corpora):  # a fold's recipe may leave a corpus out
        raise InputError(
            f"{where}: mix: found {shown(list(recipe.mix))}; mix must give each corpus a share: "
            f"{', '.join(recipe.corpora)}"
        )
    return recipe
