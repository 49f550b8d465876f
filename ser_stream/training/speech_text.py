"""Training of CAN for English conversation, on pairs of clips and texts from different corpora.

No available corpus has free speech with its emotion. The text branch was trained on texts
(`training.text`); the audio branch and the fusion learn from pairs (`data.pairs`). Results are for
pairs too, of speakers and texts held out from training, not for people who say what they feel.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from ser_stream.corpora.registry import CORPORA
from ser_stream.data.noises import load_noises
from ser_stream.data.paired_corpora import MAX_FRAMES
from ser_stream.distributed import is_first
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.evaluation.speech_text import read_paired_corpora, score_by_error_rate
from ser_stream.features.segments import SegmentConfig
from ser_stream.models.calibration import Calibration
from ser_stream.models.checkpoint import load_model
from ser_stream.models.info import ModelInfo, TrainingData
from ser_stream.models.papers.can import CrossAttentionNetwork
from ser_stream.models.papers.can_baselines import TextModel
from ser_stream.models.registry import build_model
from ser_stream.progress import Steps
from ser_stream.recipes.speech_text import SpeechTextRecipe
from ser_stream.training.fit_calibration import fit_temperature
from ser_stream.training.malloc import keep_freed_memory
from ser_stream.training.model_folder import (
    Licensed,
    save_model_folder,
    training_data,
    write_run_record,
)
from ser_stream.training.prediction import predict
from ser_stream.training.sounds import RecipeSounds
from ser_stream.training.speech_data import training_set_settings
from ser_stream.training.trainer import Trainer, announce_resume


@announce_resume()
def train_speech_text(
    recipe: SpeechTextRecipe,
    corpora: Path,
    cache: Path,
    output: Path,
    seed: int,
    device: str = "cpu",
    skip_bad: bool = False,
) -> ModelInfo:
    """Train by a recipe, and write `output`/model with its results.

    Args:
        corpora: folder that holds each corpus, of speech and of texts, in a folder of its name;
            corpora of texts may lie in its folder text/.
        cache: folder of the feature cache, which several runs may share.
        skip_bad: leave out clips that cannot be read; run.json names them.

    Raises:
        InputError: a corpus or the text branch is missing, or does not fit the recipe.
    """
    keep_freed_memory()
    voices, features = recipe.voices, SegmentConfig()
    steps = Steps(4, show=is_first())
    steps.start("reading the corpora and computing features")
    model, options, text_data = _initial_model(recipe, features, seed)
    corpora_pairs = read_paired_corpora(
        recipe, corpora, features, model.text.vocabulary, cache, skip_bad=skip_bad
    )
    sounds = RecipeSounds(voices, corpora)
    noises = load_noises(sounds.noises, features)
    settings = training_set_settings(voices, MAX_FRAMES)
    pairs = corpora_pairs.training_pairs(settings, voices.speeds, noises, recipe.max_error_rate)
    mean, std = pairs.statistics()
    model.set_normalisation(mean, std)
    record = {"recipe": recipe, "skipped": corpora_pairs.skipped or None}
    write_run_record(output, model, seed, record)

    steps.start(f"training {voices.optimisation.epochs} epochs on {device}")
    validation = corpora_pairs.evaluation_pairs("validation")
    trainer = Trainer(model, pairs, voices.optimisation, seed, output, device)
    trained = trainer.run(validation).to("cpu")

    steps.start("calibrating on the validation pairs")
    logits = predict(trained, validation).numpy()
    calibration = Calibration(fit_temperature(logits, validation.targets))
    trained_on: list[Licensed] = [*(CORPORA[name] for name in voices.corpora), *sounds.sources]
    info = ModelInfo(
        name=voices.name,
        architecture="can",
        labels=voices.labels,
        features=features,
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        options=options,
        calibration={INTERVAL: calibration, UTTERANCE: calibration},
        training_data=training_data(trained_on, (), seed, pretrained=text_data),
    )

    steps.start("scoring the validation and test pairs")
    results = {
        part: score_by_error_rate(trained, corpora_pairs, part, calibration)
        for part in ("validation", "test")
    }
    info = dataclasses.replace(info, results=results)
    save_model_folder(output / "model", trained, info)
    return info


def _initial_model(
    recipe: SpeechTextRecipe, features: SegmentConfig, seed: int
) -> tuple[CrossAttentionNetwork, dict[str, Any], TrainingData]:
    """Return a network with the trained text branch, its options, and the branch's corpora."""
    text_branch, text_info = load_model(recipe.text_branch, kind=TextModel)
    torch.manual_seed(seed)
    options = {**text_info.options, **recipe.voices.options}
    model = build_model("can", recipe.voices.labels, features, options, CrossAttentionNetwork)
    model.set_text_branch(text_branch)
    return model, options, text_info.training_data
