"""Trains CAN for English conversation: from voices without free words, and texts without sound.

No corpus at hand has both in free speech. The text branch has learned from texts (`text_run`); the
branch of sound and what joins them learn from pairs (`pairs`). Figures are of pairs too: speakers
and texts that training never met, but no recording of anyone who says what they feel.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from ser_stream.corpora import esc10
from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import CORPORA, read_corpora
from ser_stream.corpora.texts import TEXT_CORPORA, read_texts
from ser_stream.decoding import INTERVAL, UTTERANCE, Calibration
from ser_stream.errors import InputError
from ser_stream.features.log_mel import log_mel
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.vocabulary import Vocabulary
from ser_stream.json_files import write_json
from ser_stream.models.base import BimodalModel
from ser_stream.models.can import CrossAttentionNetwork
from ser_stream.models.can_baselines import TextModel
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import ModelInfo, TrainingData, find_writable, read_info
from ser_stream.models.registry import build_model
from ser_stream.training.calibrate import fit_temperature
from ser_stream.training.dataset import TrainingSet
from ser_stream.training.environment import environment
from ser_stream.training.feature_cache import load_features, read_samples
from ser_stream.training.memory import keep_freed_memory
from ser_stream.training.pair_figures import FirstAnswers, figures, figures_table, first_answers
from ser_stream.training.pairs import JudgedPairs, Pairs, Texts
from ser_stream.training.recipe import Recipe, recipe_from_dict
from ser_stream.training.settings import read_settings
from ser_stream.training.text_augment import RecognitionErrors
from ser_stream.training.trainer import Trainer, predict

OWN = ("texts", "text_branch", "max_error_rate")
PARTS = {"train": "train", "validation": "dev", "test": "test"}
"""Part of the speakers -> part of the texts."""

ERROR_RATES = (0.0, 0.1, 0.2, 0.4)
"""Shares of words that are recognised wrongly, with which a model is judged."""


@dataclasses.dataclass(frozen=True)
class ConversationRecipe:
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


def is_conversation(path: Path) -> bool:
    """Whether a file of settings is such a recipe."""
    return "text_branch" in read_settings(path)


def load_conversation(path: Path) -> ConversationRecipe:
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
    return ConversationRecipe(recipe, tuple(texts), str(content["text_branch"]), rate)


def train_conversation(
    recipe: ConversationRecipe,
    corpora: Path,
    cache: Path,
    output: Path,
    seed: int,
    device: str = "cpu",
) -> ModelInfo:
    """Train by a recipe, and write `output`/model with its figures.

    Args:
        corpora: folder that holds each corpus, of sound and of texts, in a folder of its name;
            texts may lie in its folder text.
        cache: folder for computed features; several runs share it.

    Raises:
        InputError: a corpus or the text branch is not there, or does not fit the recipe.
    """
    keep_freed_memory()
    voices = recipe.voices
    config = SegmentConfig()
    text_branch, text_info = load_model(recipe.text_branch, kind=TextModel)
    torch.manual_seed(seed)
    options = {**text_info.options, **voices.options}
    model = build_model("can", voices.labels, config, options, CrossAttentionNetwork)
    model.set_text_branch(text_branch)

    data = _Data(recipe, corpora, cache, config, model.text.vocabulary)
    pairs = data.pairs()
    mean, std = pairs.statistics()
    model.set_normalisation(mean, std)
    output.mkdir(parents=True, exist_ok=True)
    _write_run(recipe, seed, model, output)
    trainer = Trainer(model, pairs, voices.optimisation, seed, output, device)
    validation = data.judged("validation")
    trained = trainer.run(validation).to("cpu")

    calibration = Calibration(
        fit_temperature(predict(trained, validation).numpy(), validation.targets)
    )
    info = ModelInfo(
        name=voices.name,
        architecture="can",
        labels=voices.labels,
        features=config,
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        options=options,
        calibration={INTERVAL: calibration, UTTERANCE: calibration},
        training_data=_training_data(recipe, text_info, seed),
        results={part: data.figures(trained, part, calibration) for part in ("validation", "test")},
    )
    save_model(output / "model", trained, info)
    write_card(output / "model", info)
    return info


def evaluate_conversation(
    model: str | Path,
    recipe: ConversationRecipe,
    corpora: Path,
    part: str,
    first: str | Path | None = None,
) -> dict[str, dict]:
    """Figures of a model on the pairs of a part, "validation" or "test", of a recipe.

    Args:
        first: name or folder of a model that streams: also its answers to the clips, and their mean
            with the model's, which is what is published live.

    Returns:
        Share of words that are recognised wrongly, such as "10%" -> see `figures`.

    Raises:
        InputError: a corpus is not there, or the model sees no words or has other labels.
    """
    network, info = load_model(model, kind=CrossAttentionNetwork)
    recipe.voices.require_labels(info.labels, info.name)
    with tempfile.TemporaryDirectory() as cache:
        data = _Data(recipe, corpora, Path(cache), info.features, network.text.vocabulary)
        heard = None
        if first is not None:
            heard = first_answers(first, [clip.path for clip in data.clips[part]])
        return data.figures(network, part, info.calibration[UTTERANCE], heard)


def save_figures(model: str | Path, part: str, report: dict[str, dict]) -> None:
    """Write the figures of a part into the model's model.json and model card.

    Raises:
        InputError: it has none, see `find_writable`.
    """
    folder = find_writable(model)
    info = read_info(folder)
    info = dataclasses.replace(info, results={**info.results, part: report})
    info.write(folder)
    write_card(folder, info)


class _Data:
    """Clips and texts of a recipe, by part."""

    max_frames = 500  # five seconds, the longest window

    def __init__(
        self,
        recipe: ConversationRecipe,
        corpora: Path,
        cache: Path,
        config: SegmentConfig,
        vocabulary: Vocabulary,
    ):
        self.recipe, self.cache, self.config = recipe.voices, cache, config
        self.max_error_rate = recipe.max_error_rate
        self.vocabulary = vocabulary
        self.clips = self.recipe.split(read_corpora(corpora, list(self.recipe.corpora)))
        folder = corpora / "text" if (corpora / "text").is_dir() else corpora
        texts = [text for text in read_texts(folder, list(recipe.texts)) if text.label]
        self.texts = {}
        for part, of_texts in PARTS.items():
            own = [text for text in texts if text.part == of_texts]
            self.texts[part] = Texts([t.words() for t in own], [t.label for t in own])
        heard = (t.words() for t in texts if t.part == PARTS["train"])
        self.errors = RecognitionErrors(Counter(word for words in heard for word in words))
        self.noises = []
        if self.recipe.noise_folds:
            files = esc10.noise_files(corpora / "esc10", self.recipe.noise_folds)
            self.noises = [log_mel(read_samples(path), config) for path in files]

    def pairs(self) -> Pairs:
        """To train on."""
        recipe, clips = self.recipe, self.clips["train"]
        stores = [load_features(clips, self.config, speed, self.cache) for speed in recipe.speeds]
        voices = TrainingSet(
            clips, stores, recipe.labels, recipe.mix, recipe.augmentation,
            recipe.utterances_per_epoch, recipe.optimisation.batch_size, self.max_frames,
            self.noises,
        )  # fmt: skip
        return Pairs(
            voices, self.texts["train"], recipe.labels, self.vocabulary, self.config,
            self.errors, self.max_error_rate,
        )  # fmt: skip

    def figures(
        self,
        model: CrossAttentionNetwork,
        part: str,
        calibration: Calibration,
        first: FirstAnswers | None = None,
    ) -> dict[str, dict]:
        """Of the pairs of a part, by share of words that are recognised wrongly."""
        return {
            f"{rate:.0%}": figures(model, self.judged(part, rate), calibration, first)
            for rate in ERROR_RATES
        }

    def judged(self, part: str, error_rate: float = 0.0) -> JudgedPairs:
        """Speakers and texts that training has not met; the same mistakes in each run."""
        rng = np.random.default_rng(0)
        clips: list[Utterance] = self.clips[part]
        store = load_features(clips, self.config, 1.0, self.cache)
        bands = [store.utterance(i)[-self.max_frames :] for i in range(len(clips))]
        labels = [clip.label for clip in clips]
        return JudgedPairs(
            bands, labels, self.texts[part], self.recipe.labels, self.vocabulary, self.config,
            heard=lambda words: self.errors.make(words, error_rate, rng),
        )  # fmt: skip


def _training_data(recipe: ConversationRecipe, text_info: ModelInfo, seed: int) -> TrainingData:
    corpora = [CORPORA[name] for name in recipe.voices.corpora]
    named = tuple(f"{corpus.title} ({corpus.licence})" for corpus in corpora)
    commercial = text_info.training_data.commercial_use
    commercial = commercial and all(corpus.commercial_use for corpus in corpora)
    licence = "all corpora allow commercial use" if commercial else "non-commercial use only"
    return TrainingData(named + text_info.training_data.corpora, licence, commercial, seed)


def write_card(folder: Path, info: ModelInfo) -> None:
    """Write README.md of a model's folder."""
    data = info.training_data
    card = "\n".join(
        [
            f"# Model `{info.name}`",
            "",
            "Emotion of what is said and how, for English. Architecture `can` "
            f"(`ser_stream/models/can.py`), {len(info.labels)} classes: {', '.join(info.labels)}.",
            "",
            f"* Trained on: {', '.join(data.corpora)}.",
            "* **No recording of anyone who says what they feel was at hand**: clips of acted "
            "speech were laid under texts of the same emotion, or one of the two was neutral. The "
            "figures are of such pairs; recognition errors, a share of the words, are simulated.",
            "* Beside a stream, the mean of its scores and those of the model that streams is "
            "published.",
            "* Acted speech of adults, comments of Reddit and a television series; nothing is "
            "known about children or other ways of speaking. What is heard is not how someone "
            "feels: do not decide about people by it.",
            f"* Use: {data.licence}.",
            f"* Seed of the training run: {data.seed}. Temperature "
            f"{info.calibration[UTTERANCE].temperature:g}.",
            "",
            "## Figures: speakers and texts that training never met, in percent",
            "",
            *figures_table(info.results),
            "",
        ]
    )
    (folder / "README.md").write_text(card, encoding="utf-8")


def _write_run(recipe: ConversationRecipe, seed: int, model: BimodalModel, output: Path) -> None:
    """What the run was made of."""
    description = {
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
        "parameters": sum(p.numel() for p in model.parameters()),
        **environment(),
    }
    write_json(output / "run.json", description)
