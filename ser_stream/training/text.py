"""One training run of a network of words: from texts and a recipe to a model folder."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ser_stream.corpora.texts import TEXT_CORPORA, LabelledText, read_texts
from ser_stream.data.asr_errors import RecognitionErrors
from ser_stream.data.texts import EvaluationTexts, TrainingTexts, soft_targets
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.vocabulary import Vocabulary, count_words
from ser_stream.files import write_json
from ser_stream.models.base import BimodalModel
from ser_stream.models.calibration import Calibration
from ser_stream.models.checkpoint import save_model
from ser_stream.models.info import ModelInfo, TrainingData
from ser_stream.models.registry import build_model
from ser_stream.recipes.text import TextRecipe
from ser_stream.training.calibrate import fit_temperature
from ser_stream.training.malloc import keep_freed_memory
from ser_stream.training.provenance import environment
from ser_stream.training.trainer import Trainer, evaluate, predict

ERROR_RATES = (0.0, 0.1, 0.2)
"""Recognition errors per word that figures are given for."""


def train_on_texts(
    recipe: TextRecipe, corpora: Path, output: Path, seed: int, device: str = "cpu"
) -> ModelInfo:
    """Train by a recipe, stage after stage, and write `output`/model with its figures.

    A run that was stopped goes on after its last whole epoch when it is started again.

    Args:
        corpora: folder that holds each corpus of texts in a folder of its name.
        output: the run's folder: a folder for each stage, run.json and the model.

    Raises:
        InputError: a corpus is not there, its layout is another, or an option is not known.
    """
    keep_freed_memory()
    data = _Data(recipe, read_texts(corpora, recipe.corpora))
    options = {"vocabulary": list(data.vocabulary.words), **recipe.options}
    features = SegmentConfig(segmentation="whole")
    torch.manual_seed(seed)
    model = build_model(recipe.architecture, recipe.labels, features, options, BimodalModel)
    if recipe.word_vectors:
        model.text.load_word_vectors(Path(recipe.word_vectors))
    output.mkdir(parents=True, exist_ok=True)
    _write_run(recipe, seed, data, model, output)

    dev = data.judged("dev", data.conditions)
    states = []
    for number, stage in enumerate(recipe.stages, 1):
        batches = data.training(stage.mix, stage.balance, stage.optimisation.batch_size)
        folder = output / f"stage-{number}"
        trainer = Trainer(model, batches, stage.optimisation, seed, folder, device)
        model = trainer.run(dev)
        states.append(trainer.state_path)
    model = model.to("cpu", memory_format=torch.contiguous_format)
    calibration = Calibration(fit_temperature(predict(model, dev).numpy(), dev.targets))

    def figures(part: str, marks: bool, rate: float) -> dict[str, Any]:
        return evaluate(model, data.judged(part, (marks,), rate)).to_dict()

    info = ModelInfo(
        name=recipe.name,
        architecture=recipe.architecture,
        labels=recipe.labels,
        features=features,
        mean=(0.0,) * features.dimension,  # no sound was heard
        std=(1.0,) * features.dimension,
        options=options,
        calibration={INTERVAL: calibration, UTTERANCE: calibration},
        training_data=_training_data(recipe, seed),
        results={
            part: {
                f"{rate:.0%}, {'with' if marks else 'no'} marks": figures(part, marks, rate)
                for marks in data.conditions
                for rate in ERROR_RATES
            }
            for part in ("dev", "test")
        },
    )
    save_model(output / "model", model, info)
    (output / "model" / "README.md").write_text(_card(recipe, info), encoding="utf-8")
    for state in states:  # they are there to go on from
        state.unlink()
    return info


class _Data:
    """Texts of a recipe by part, the vocabulary of the training part, and its mistakes."""

    def __init__(self, recipe: TextRecipe, texts: list[LabelledText]):
        self.recipe = recipe
        self.texts = {
            part: [t for t in texts if t.part == part] for part in ("train", "dev", "test")
        }
        self.conditions = (False, True) if recipe.marked else (False,)
        self.words = [text.words(bool(recipe.marked)) for text in self.texts["train"]]
        buckets = recipe.options.get("ngram_buckets", 0)
        self.vocabulary: Vocabulary = count_words(
            self.words, max_words=recipe.max_words, ngram_buckets=buckets
        )
        self.errors = RecognitionErrors(Counter(word for words in self.words for word in words))

    def training(self, mix: dict[str, float], balance: float, batch_size: int) -> TrainingTexts:
        """Training texts of the corpora in `mix`."""
        pairs = zip(self.texts["train"], self.words, strict=True)
        texts, words = zip(*((t, w) for t, w in pairs if t.corpus in mix), strict=True)
        targets = soft_targets(texts, self.recipe.labels, mix, balance)
        return TrainingTexts(
            words, targets, self.vocabulary, batch_size, self.errors,
            self.recipe.max_error_rate, self.recipe.marked,
        )  # fmt: skip

    def judged(
        self, part: str, conditions: tuple[bool, ...], error_rate: float = 0.0
    ) -> EvaluationTexts:
        """Texts of `recipe.evaluated_on` that have one label; the same mistakes in each run.

        Args:
            conditions: with marks, or without, or both: then each text is there twice.
        """
        rng = np.random.default_rng(0)
        texts = [t for t in self.texts[part] if t.corpus == self.recipe.evaluated_on and t.label]
        words = [
            self.errors.make(text.words(marks), error_rate, rng)
            for marks in conditions
            for text in texts
        ]
        targets = np.array([self.recipe.labels.index(t.label) for t in texts] * len(conditions))
        return EvaluationTexts(words, targets, self.vocabulary)


def figures_table(results: dict[str, Any]) -> list[str]:
    """Lines of Markdown: a row for each part and rate of errors."""
    lines = ["| part | recognition errors, ? and ! | n | WA | UA | weighted F1 | macro-F1 |"]
    lines += ["|---" * 7 + "|"]
    for part, by_rate in results.items():
        for rate, figures in by_rate.items():
            percents = " | ".join(
                f"{100 * figures[name]:.1f}" for name in ("wa", "ua", "weighted_f1", "macro_f1")
            )
            lines.append(f"| {part} | {rate} | {figures['n']} | {percents} |")
    return lines


def _card(recipe: TextRecipe, info: ModelInfo) -> str:
    """The model card."""
    data = info.training_data
    return "\n".join(
        [
            f"# Model `{info.name}`",
            "",
            "Emotion of English words as a speech recogniser writes them, with or without question "
            f"and exclamation marks. Architecture `{info.architecture}` "
            f"(`ser_stream/models/papers/can_baselines.py`), {len(info.labels)} classes: "
            f"{', '.join(info.labels)}.",
            "",
            f"* Trained on: {', '.join(data.corpora)}. No word was spoken: recognition errors are "
            "simulated.",
            f"* Use: {data.licence}.",
            f"* Seed of the training run: {data.seed}. Temperature "
            f"{info.calibration[UTTERANCE].temperature:g}, fitted on dev.",
            "* Comments of Reddit and a television series; one sentence is judged without those "
            "before it. What is said is not how someone feels: do not decide about people by it.",
            "",
            f"## Figures on {TEXT_CORPORA[recipe.evaluated_on].title}, official split, in percent",
            "",
            *figures_table(info.results),
            "",
            "dev chose the settings and the epoch.",
            "",
        ]
    )


def _training_data(recipe: TextRecipe, seed: int) -> TrainingData:
    corpora = [TEXT_CORPORA[name] for name in recipe.corpora]
    restricted = [corpus for corpus in corpora if not corpus.commercial_use]
    licence = "all corpora allow commercial use"
    if restricted:
        named = " and ".join(f"{corpus.title} ({corpus.licence})" for corpus in restricted)
        licence = f"non-commercial use only, because of {named}"
    named = tuple(f"{corpus.title} ({corpus.licence})" for corpus in corpora)
    return TrainingData(named, licence, not restricted, seed)


def _write_run(
    recipe: TextRecipe, seed: int, data: _Data, model: BimodalModel, output: Path
) -> None:
    """What the run was made of."""
    description = {
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
        "texts": {part: Counter(t.corpus for t in texts) for part, texts in data.texts.items()},
        "vocabulary": len(data.vocabulary.words),
        "parameters": sum(p.numel() for p in model.parameters()),
        **environment(),
    }
    write_json(output / "run.json", description)
