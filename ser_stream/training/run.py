"""One training run: from a recipe to a model folder."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import torch

from ser_stream.corpora import esc10
from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import CORPORA, read_corpora
from ser_stream.features.log_mel import log_mel
from ser_stream.models.base import EmotionModel
from ser_stream.models.checkpoint import save_model
from ser_stream.models.info import ModelInfo, TrainingData
from ser_stream.models.registry import build_model
from ser_stream.training.calibrate import calibrate
from ser_stream.training.card import write_card
from ser_stream.training.dataset import TrainingSet, Windows
from ser_stream.training.environment import environment
from ser_stream.training.feature_cache import load_features, read_samples
from ser_stream.training.memory import keep_freed_memory
from ser_stream.training.processes import first_before_others, is_first, joined
from ser_stream.training.recipe import Recipe
from ser_stream.training.trainer import Trainer


def train(
    recipe: Recipe, corpora: Path, cache: Path, output: Path, seed: int, device: str = "cpu"
) -> None:
    """Train by a recipe, calibrate on the validation speakers, write `output`/model.

    A run that was stopped goes on after its last whole epoch when it is started again.

    Args:
        corpora: folder that holds each corpus in a folder of its name.
        cache: folder for computed features; several runs share it.
        output: the run's folder: state, metrics.jsonl, run.json and the model.

    Raises:
        InputError: a corpus is not there, or its layout is another.
    """
    keep_freed_memory()
    parts = recipe.split(read_corpora(corpora, list(recipe.corpora)))
    # Model first: a mistake in its options shows before minutes of features.
    torch.manual_seed(seed)
    model = build_model(recipe.architecture, recipe.labels, recipe.features, recipe.options)
    output.mkdir(parents=True, exist_ok=True)
    if is_first():
        _write_run(recipe, seed, parts, model, output)
    with joined(device) as own_device:
        with first_before_others():
            training_set, windows = _data(recipe, parts, corpora, cache, model.window_frames)
        mean, std = training_set.statistics()
        model.set_normalisation(torch.from_numpy(mean), torch.from_numpy(std))
        trainer = Trainer(model, training_set, recipe.optimisation, seed, output, own_device)
        trained = trainer.run(windows).to("cpu", memory_format=torch.contiguous_format)
    if is_first():
        _write_model(recipe, seed, trained, parts["validation"], output / "model")


def _data(
    recipe: Recipe, parts: dict[str, list[Utterance]], corpora: Path, cache: Path, max_frames: int
) -> tuple[TrainingSet, Windows]:
    """What is trained on, and what is watched."""
    utterances, watched = parts["train"], parts["validation"]
    stores = [load_features(utterances, recipe.features, speed, cache) for speed in recipe.speeds]
    noises = []
    if recipe.noise_folds:
        files = esc10.noise_files(corpora / "esc10", recipe.noise_folds)
        noises = [log_mel(read_samples(path), recipe.features) for path in files]
    training_set = TrainingSet(
        utterances, stores, recipe.labels, recipe.mix, recipe.augmentation,
        recipe.utterances_per_epoch, recipe.optimisation.batch_size, max_frames, noises,
    )  # fmt: skip
    targets = np.array([recipe.labels.index(utterance.label) for utterance in watched])
    validation = load_features(watched, recipe.features, 1.0, cache)
    return training_set, Windows(validation, targets, max_frames)


def _write_model(
    recipe: Recipe, seed: int, trained: EmotionModel, validation: list[Utterance], folder: Path
) -> None:
    """Calibrate, and write the model's folder."""
    info = ModelInfo(
        name=recipe.name,
        architecture=recipe.architecture,
        labels=recipe.labels,
        features=recipe.features,
        mean=tuple(trained.mean.tolist()),
        std=tuple(trained.std.tolist()),
        options=recipe.options,
        smoothing=recipe.smoothing,
        training_data=_training_data(recipe, seed),
    )
    calibration = calibrate(trained, info, validation, recipe.confidence_floor)
    info = dataclasses.replace(info, calibration=calibration)
    save_model(folder, trained, info)
    write_card(folder, info)


def _training_data(recipe: Recipe, seed: int) -> TrainingData:
    corpora = [CORPORA[name] for name in recipe.corpora]
    commercial = all(corpus.commercial_use for corpus in corpora)
    named = tuple(f"{corpus.title} ({corpus.licence})" for corpus in corpora)
    restricted = [corpus.title for corpus in corpora if not corpus.commercial_use]
    licence = (
        "all corpora allow commercial use"
        if commercial
        else f"non-commercial use only, because of {' and '.join(restricted)}"
    )
    return TrainingData(named, licence, commercial, seed)


def _write_run(
    recipe: Recipe, seed: int, parts: dict[str, list], model: EmotionModel, output: Path
) -> None:
    """What the run was made of."""
    description = {
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
        "utterances": {part: len(utterances) for part, utterances in parts.items()},
        "speakers": {part: len({u.speaker for u in us}) for part, us in parts.items()},
        "parameters": sum(p.numel() for p in model.parameters()),
        **environment(),
    }
    (output / "run.json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
