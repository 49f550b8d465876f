"""One training run of a network of words: from a recipe to a model folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ser_stream.corpora.texts import TEXT_CORPORA, LabelledText, read_texts
from ser_stream.data.asr_errors import RecognitionErrors
from ser_stream.data.texts import EvaluationTexts, TextAugmentation, TrainingTexts, soft_targets
from ser_stream.distributed import is_first
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.vocabulary import Vocabulary, count_words
from ser_stream.models.calibration import Calibration
from ser_stream.models.info import ModelInfo
from ser_stream.models.papers.can_baselines import TextModel
from ser_stream.models.registry import build_model
from ser_stream.progress import Steps
from ser_stream.recipes.text import Stage, TextRecipe
from ser_stream.training.devices import to_cpu
from ser_stream.training.fit_calibration import fit_temperature
from ser_stream.training.malloc import keep_freed_memory
from ser_stream.training.model_folder import save_model_folder, training_data, write_run_record
from ser_stream.training.prediction import evaluate, predict
from ser_stream.training.trainer import Trainer, announce_resume

ERROR_RATES = (0.0, 0.1, 0.2)
"""Recognition errors per word at which a model is evaluated."""


@announce_resume()
def train_on_texts(
    recipe: TextRecipe, corpora: Path, output: Path, seed: int, device: str = "cpu"
) -> ModelInfo:
    """Train by a recipe, stage after stage, and write `output`/model with its results.

    An interrupted run resumes after its last whole epoch when it is started again.

    Args:
        corpora: folder that holds each corpus of texts in a folder of its name.
        output: the run's folder: a folder for each stage, run.json and the model.

    Raises:
        InputError: a corpus is missing, its layout is not understood, or an option is unknown.
    """
    keep_freed_memory()
    steps = Steps(len(recipe.stages) + 2, show=is_first())
    steps.start("reading the corpora")
    data = TextData(recipe, read_texts(corpora, recipe.corpora))
    options = {"vocabulary": list(data.vocabulary.words), **recipe.options}
    features = SegmentConfig(segmentation="whole")
    torch.manual_seed(seed)
    model = build_model(recipe.architecture, recipe.labels, features, options, TextModel)
    if recipe.word_vectors:
        model.text.load_word_vectors(Path(recipe.word_vectors))
    _write_run_record(output, recipe, seed, data, model)

    dev = data.evaluation("dev", data.mark_conditions)
    states = []
    for number, stage in enumerate(recipe.stages, 1):
        steps.start(f"training stage {number} on {', '.join(stage.mix)}")
        folder = output / f"stage-{number}"
        batches = data.training(stage)
        trainer = Trainer(model, batches, stage.optimisation, seed, folder, device)
        model = trainer.run(dev)
        states.append(trainer.state_path)
    model = to_cpu(model)

    steps.start("calibrating and scoring the dev and test parts")
    info = _describe(recipe, model, data, options, seed)
    save_model_folder(output / "model", model, info)
    for state in states:  # only needed to resume
        state.unlink(missing_ok=True)
    return info


def _describe(
    recipe: TextRecipe, model: TextModel, data: TextData, options: dict[str, Any], seed: int
) -> ModelInfo:
    """Calibrate a trained network on the dev part; return its description with its results."""
    dev = data.evaluation("dev", data.mark_conditions)
    calibration = Calibration(fit_temperature(predict(model, dev).numpy(), dev.targets))
    features = model.features
    return ModelInfo(
        name=recipe.name,
        architecture=recipe.architecture,
        labels=recipe.labels,
        features=features,
        mean=(0.0,) * features.dimension,  # the network takes no sound
        std=(1.0,) * features.dimension,
        options=options,
        calibration={INTERVAL: calibration, UTTERANCE: calibration},
        training_data=training_data([TEXT_CORPORA[name] for name in recipe.corpora], (), seed),
        results={part: _scores(model, data, part) for part in ("dev", "test")},
    )


def _scores(model: TextModel, data: TextData, part: str) -> dict[str, Any]:
    """Return condition, such as "10%, no marks" -> scores on a part."""
    return {
        f"{rate:.0%}, {'with' if marks else 'no'} marks": evaluate(
            model, data.evaluation(part, (marks,), rate)
        ).to_dict()
        for marks in data.mark_conditions
        for rate in ERROR_RATES
    }


class TextData:
    """The texts of a recipe by part, with the vocabulary and word counts of the training part.

    Attributes:
        texts: "train", "dev", "test" -> texts.
        mark_conditions: whether texts are evaluated with marks, without, or both.
        vocabulary: words of the training part.
    """

    def __init__(self, recipe: TextRecipe, texts: Sequence[LabelledText]):
        self._recipe = recipe
        self.texts = {
            part: [t for t in texts if t.part == part] for part in ("train", "dev", "test")
        }
        self.mark_conditions = (False, True) if recipe.marked else (False,)
        self._train_words = [text.words(bool(recipe.marked)) for text in self.texts["train"]]
        buckets = recipe.options.get("ngram_buckets", 0)
        self.vocabulary: Vocabulary = count_words(
            self._train_words, max_words=recipe.max_words, ngram_buckets=buckets
        )
        self._errors = RecognitionErrors(
            Counter(word for words in self._train_words for word in words)
        )

    def training(self, stage: Stage) -> TrainingTexts:
        """Return batches of the training texts of a stage's corpora."""
        recipe = self._recipe
        pairs = zip(self.texts["train"], self._train_words, strict=True)
        texts, words = zip(*((t, w) for t, w in pairs if t.corpus in stage.mix), strict=True)
        return TrainingTexts(
            words,
            soft_targets(texts, recipe.labels, stage.mix, stage.balance),
            self.vocabulary,
            stage.optimisation.batch_size,
            TextAugmentation(self._errors, recipe.max_error_rate, recipe.marked),
        )

    def evaluation(
        self, part: str, mark_conditions: Sequence[bool], error_rate: float = 0.0
    ) -> EvaluationTexts:
        """Return the texts of `recipe.evaluated_on` with one label; errors are the same each time.

        Args:
            mark_conditions: with marks, without, or both: then each text occurs twice.
        """
        rng = np.random.default_rng(0)
        recipe = self._recipe
        texts = [t for t in self.texts[part] if t.corpus == recipe.evaluated_on and t.label]
        words = [
            self._errors.apply(text.words(marks), error_rate, rng)
            for marks in mark_conditions
            for text in texts
        ]
        labels = [recipe.labels.index(t.label) for t in texts if t.label]
        return EvaluationTexts(words, np.array(labels * len(mark_conditions)), self.vocabulary)


def _write_run_record(
    output: Path, recipe: TextRecipe, seed: int, data: TextData, model: TextModel
) -> None:
    settings = {
        "recipe": recipe,
        "texts": {part: Counter(t.corpus for t in texts) for part, texts in data.texts.items()},
        "vocabulary": len(data.vocabulary.words),
    }
    write_run_record(output, model, seed, settings)
