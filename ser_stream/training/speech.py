"""One training run: from a recipe to a model folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ser_stream.corpora import esc10
from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import CORPORA, read_corpora
from ser_stream.data.acoustics import motor
from ser_stream.data.conversations import ConversationBatches
from ser_stream.data.feature_cache import load_features, read_samples
from ser_stream.data.windows import EvaluationWindows, TrainingSet
from ser_stream.distributed import first_before_others, is_first, joined
from ser_stream.errors import InputError
from ser_stream.features.log_mel import log_mel
from ser_stream.files import write_json
from ser_stream.models.base import EmotionModel
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.eight_bit import from_eight_bit, to_eight_bit
from ser_stream.models.info import ModelInfo, TrainingData
from ser_stream.models.registry import build_model
from ser_stream.models.relabel import with_labels
from ser_stream.recipes.speech import Recipe
from ser_stream.training.calibrate import calibrate_to
from ser_stream.training.distillation import check_teachers, teacher_probabilities
from ser_stream.training.frozen_encoder import (
    EncodedConversationBatches,
    EncodedHead,
    encodes_once,
    load_encoded,
)
from ser_stream.training.malloc import keep_freed_memory
from ser_stream.training.model_card import write_card
from ser_stream.training.provenance import environment
from ser_stream.training.trainer import Trainer
from ser_stream.units import SAMPLE_RATE_HZ, Seconds


def train(
    recipe: Recipe,
    corpora: Path,
    cache: Path,
    output: Path,
    seed: int,
    device: str = "cpu",
    teachers: list[Path] = (),
    start: str | Path | None = None,
) -> None:
    """Train by a recipe, calibrate on the validation speakers, write `output`/model.

    A run that was stopped goes on after its last whole epoch when it is started again.

    Args:
        corpora: folder that holds each corpus in a folder of its name.
        cache: folder for computed features; several runs share it.
        output: the run's folder: state, metrics.jsonl, run.json and the model.
        teachers: model folders, for a recipe that gives them a share.
        start: a model whose weights and normalisation training starts from; None: from chance.

    Raises:
        InputError: a corpus is not there, or its layout is another; teachers or the start do not
            fit the recipe.
    """
    keep_freed_memory()
    check_teachers(recipe, teachers)
    utterances = read_corpora(corpora, list(recipe.corpora))
    parts = recipe.split(utterances)
    # Model first: a mistake in its options shows before minutes of features.
    torch.manual_seed(seed)
    if start is None:
        model = build_model(recipe.architecture, recipe.labels, recipe.features, recipe.options)
        model.load_pretrained()
    else:
        model = _started(start, recipe)
    model.has_speaker_memory = recipe.augmentation.speaker_history > 0
    of_steps = (
        training_set_of(model) is ConversationBatches and not teachers and encodes_once(recipe)
    )
    output.mkdir(parents=True, exist_ok=True)
    if is_first():
        _write_run(recipe, seed, parts, model, output, start)
    with joined(device) as own_device:
        with first_before_others():
            if of_steps:
                training_set, windows = _step_data(recipe, utterances, parts, cache, model)
            else:
                training_set, windows = _data(
                    recipe, utterances, parts, corpora, cache, model, teachers
                )
        if start is None:
            if not of_steps:
                mean, std = training_set.statistics()
                model.set_normalisation(torch.from_numpy(mean), torch.from_numpy(std))
            model.fit_statistics(_turns(model, training_set, of_steps))
        training_set.usual = model.mean.numpy()
        network = EncodedHead(model) if of_steps else model
        trainer = Trainer(network, training_set, recipe.optimisation, seed, output, own_device)
        trained = trainer.run(windows).to("cpu", memory_format=torch.contiguous_format)
    trained = trained.network if of_steps else trained
    if is_first():
        _write_model(recipe, seed, trained, corpora, output / "model")


def _started(start: str | Path, recipe: Recipe) -> EmotionModel:
    network, info = load_model(start)
    # A layer for valence and arousal is not trained on.
    options = {name: value for name, value in info.options.items() if name != "affect"}
    same = (info.architecture, options, info.features)
    if same != (recipe.architecture, recipe.options, recipe.features):
        raise InputError(
            f"--model: {start} has another architecture, or other options or features than recipe "
            f"{recipe.name}"
        )
    return with_labels(network, dataclasses.replace(info, options=options), recipe.labels)


def _data(
    recipe: Recipe,
    everything: list[Utterance],
    parts: dict[str, list[Utterance]],
    corpora: Path,
    cache: Path,
    model: EmotionModel,
    teachers: list[Path],
) -> tuple[TrainingSet, EvaluationWindows]:
    """What is trained on, and what is watched."""
    utterances, watched = parts["train"], parts["validation"]
    load = partial(load_features, folder=cache, among=everything)
    features = partial(load, config=recipe.features)
    speed_of = [
        2 * simulation % len(recipe.speeds) for simulation in range(recipe.channel_simulations)
    ]
    heard = [
        (number, features(utterances, speed=recipe.speeds[number], simulation=simulation))
        for simulation, number in enumerate(speed_of)
    ]
    stores = [features(utterances, speed=speed) for speed in recipe.speeds]
    training_set = training_set_of(model)(
        utterances, stores, recipe.labels, recipe.mix, recipe.augmentation,
        recipe.utterances_per_epoch, recipe.optimisation.batch_size, model.window_frames,
        noises(recipe, corpora), heard, model.step_frames, recipe.features.frame_s,
    )  # fmt: skip
    if teachers:
        recorded = partial(load, utterances, speed=1.0)
        training_set.answers = teacher_probabilities(
            recipe, teachers, recorded, training_set.targets
        )
    targets = np.array([recipe.labels.index(utterance.label) for utterance in watched])
    validation = features(watched, speed=1.0)
    return training_set, EvaluationWindows(
        validation, targets, model.window_frames, model.step_frames
    )


def _step_data(
    recipe: Recipe,
    everything: list[Utterance],
    parts: dict[str, list[Utterance]],
    cache: Path,
    model: EmotionModel,
) -> tuple[TrainingSet, EvaluationWindows]:
    """As `_data`, of steps, each of which is computed once."""
    utterances, watched = parts["train"], parts["validation"]
    steps = partial(load_encoded, model, folder=cache, among=everything)
    stores = [steps(utterances, speed=speed) for speed in recipe.speeds]
    least = max(1, model.steps_in(recipe.augmentation.min_frames))
    training_set = EncodedConversationBatches(
        utterances, stores, recipe.labels, recipe.mix,
        dataclasses.replace(recipe.augmentation, min_frames=least), recipe.utterances_per_epoch,
        recipe.optimisation.batch_size, model.window_steps,
        frame_s=model.frames_per_step * recipe.features.frame_s,
    )  # fmt: skip
    targets = np.array([recipe.labels.index(utterance.label) for utterance in watched])
    return training_set, EvaluationWindows(steps(watched, speed=1.0), targets, model.window_steps)


def _turns(
    model: EmotionModel, training_set: TrainingSet, of_steps: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Steps and their numbers of an epoch's batches."""
    for (heard, lengths, *_), _ in training_set.epoch(np.random.default_rng(0)):
        yield (heard, lengths) if of_steps else (model.encode(heard), model.step_lengths(lengths))


def training_set_of(model: EmotionModel) -> type[TrainingSet]:
    """What gives a network the batches that it takes, with a past or without."""
    return (
        ConversationBatches
        if model.has_speaker_memory and model.remembers_statistics
        else TrainingSet
    )


MOTOR_S: Seconds = 10.0


def noises(recipe: Recipe, corpora: Path) -> list[np.ndarray]:
    """What a recipe's speech is mixed with: recorded sounds, motors; frames (n, n_mels) in dB."""
    sounds = []
    if recipe.noise_folds:
        files = esc10.noise_files(corpora / "esc10", recipe.noise_folds)
        sounds = [read_samples(path) for path in files]
    rng = np.random.default_rng(0)
    sounds += [0.1 * motor(round(MOTOR_S * SAMPLE_RATE_HZ), rng) for _ in range(recipe.motors)]
    return [log_mel(sound, recipe.features) for sound in sounds]


def _write_model(
    recipe: Recipe, seed: int, trained: EmotionModel, corpora: Path, folder: Path
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
        speaker_memory=trained.has_speaker_memory,
        training_data=_training_data(recipe, seed, trained.pretrained_parts),
    )
    if recipe.eight_bit:  # what is calibrated is what will run
        trained.load_state_dict(from_eight_bit(to_eight_bit(trained.state_dict())))
    calibration = calibrate_to(trained, info, recipe, corpora)
    info = dataclasses.replace(info, calibration=calibration)
    save_model(folder, trained, info, recipe.eight_bit)
    write_card(folder, info)


def _training_data(recipe: Recipe, seed: int, pretrained_parts: tuple[str, ...]) -> TrainingData:
    corpora = [CORPORA[name] for name in recipe.corpora]
    commercial = all(corpus.commercial_use for corpus in corpora)
    named = tuple(f"{corpus.title} ({corpus.licence})" for corpus in corpora)
    restricted = [corpus.title for corpus in corpora if not corpus.commercial_use]
    licence = (
        "all corpora allow commercial use"
        if commercial
        else f"non-commercial use only, because of {' and '.join(restricted)}"
    )
    return TrainingData(named + pretrained_parts, licence, commercial, seed)


def _write_run(
    recipe: Recipe,
    seed: int,
    parts: dict[str, list],
    model: EmotionModel,
    output: Path,
    start: str | Path | None,
) -> None:
    """What the run was made of."""
    description = {
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
        "start": None if start is None else str(start),
        "utterances": {part: len(utterances) for part, utterances in parts.items()},
        "speakers": {part: len({u.speaker for u in us}) for part, us in parts.items()},
        "parameters": sum(p.numel() for p in model.parameters()),
        **environment(),
    }
    write_json(output / "run.json", description)
