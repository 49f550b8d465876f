"""One training run of a streaming model: from a recipe to a model folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import CORPORA, read_corpora
from ser_stream.corpora.sounds import SoundSource
from ser_stream.data.reading import check_recordings
from ser_stream.data.windows import TrainingSet
from ser_stream.distributed import first_before_others, is_first, process_group
from ser_stream.engines.torch import TorchNetwork
from ser_stream.errors import InputError
from ser_stream.models.base import EmotionModel, NormalisingModel
from ser_stream.models.checkpoint import load_model
from ser_stream.models.eight_bit import from_eight_bit, to_eight_bit
from ser_stream.models.info import ModelInfo
from ser_stream.models.registry import build_model
from ser_stream.models.relabel import with_labels
from ser_stream.models.statistics_model import StatisticsModel
from ser_stream.progress import Steps
from ser_stream.recipes.speech import Recipe
from ser_stream.training.calibrate import calibrate_by_recipe
from ser_stream.training.devices import to_cpu
from ser_stream.training.distillation import check_teachers
from ser_stream.training.frozen_encoder import EncodedHead, encodes_once
from ser_stream.training.malloc import keep_freed_memory
from ser_stream.training.model_folder import (
    part_sizes,
    save_model_folder,
    training_data,
    write_run_record,
)
from ser_stream.training.sounds import RecipeSounds
from ser_stream.training.speech_data import SpeechData, remembers_conversations
from ser_stream.training.trainer import Trainer, announce_resume


@announce_resume()
def train(
    recipe: Recipe,
    corpora: Path,
    cache: Path,
    output: Path,
    seed: int,
    device: str = "cpu",
    teachers: Sequence[Path] = (),
    start: str | Path | None = None,
    skip_bad: bool = False,
) -> None:
    """Train by a recipe, calibrate on the validation speakers, and write `output`/model.

    An interrupted run resumes after its last whole epoch when it is started again.

    Args:
        corpora: folder that holds each corpus in a folder of its name.
        cache: folder of the feature cache, which several runs may share.
        output: the run's folder: state, metrics.jsonl, run.json and the model.
        teachers: model folders, for a recipe with `teachers_share`.
        start: model whose weights and normalisation training starts from; None: random weights.
        skip_bad: leave out recordings that cannot be read; run.json names them.

    Raises:
        InputError: a corpus is missing, its layout is not understood, or recordings cannot be read
            and `skip_bad` is False; there is nothing to train on or to validate on; teachers or the
            start do not fit the recipe; or training diverged.
    """
    keep_freed_memory()
    check_teachers(recipe, teachers)
    steps = Steps(5, show=is_first())
    steps.start("reading the corpora")
    utterances = read_corpora(corpora, list(recipe.corpora))
    _split(recipe, utterances)
    # Model and sounds first, so that what is wrong is reported before minutes of reading.
    model = _initial_model(recipe, seed, start)
    sounds = RecipeSounds(recipe, corpora)
    encoded = remembers_conversations(model) and encodes_once(recipe) and not teachers
    needs_sounds = not encoded or recipe.channel_simulations > 0
    if needs_sounds:
        sounds.check()
    checked = check_recordings(utterances, cache, skip_bad)
    utterances = checked.utterances
    parts = _split(recipe, utterances)
    if is_first():
        settings = {
            "recipe": recipe,
            "start": None if start is None else str(start),
            "teachers": [str(teacher) for teacher in teachers] or None,
            "skipped": checked.skipped or None,
            **part_sizes(parts),
        }
        write_run_record(output, model, seed, settings)
    data = SpeechData(recipe, utterances, parts, sounds, cache)
    with process_group(device) as own_device:
        steps.start("computing features")
        with first_before_others():
            if encoded:
                training_set, validation = data.encoded(model)
            else:
                training_set, validation = data.log_mel(model, teachers)
        steps.start("fitting the normalisation")
        if start is None:
            _fit_statistics(model, training_set, encoded)
        training_set = training_set.with_memory_mean(model.mean.numpy())
        steps.start(f"training {recipe.optimisation.epochs} epochs on {own_device}")
        network: NormalisingModel = model
        if encoded:
            assert isinstance(model, StatisticsModel)
            network = EncodedHead(model)
        trainer = Trainer(network, training_set, recipe.optimisation, seed, output, own_device)
        trained = to_cpu(trainer.run(validation))
    if is_first():
        steps.start("calibrating on the validation speakers")
        finished = trained.whole() if isinstance(trained, EncodedHead) else trained
        assert isinstance(finished, EmotionModel)
        info = _description(recipe, seed, finished, sounds.sources if needs_sounds else [])
        _write_model(info, finished, recipe, corpora, parts["validation"], output / "model")


def _split(recipe: Recipe, utterances: list[Utterance]) -> dict[str, list[Utterance]]:
    """Return the parts of the recipe, after checking that none that is needed is empty."""
    parts = recipe.split(utterances)
    for part in ("train", "validation"):
        if not parts[part]:
            raise InputError(
                f"recipe {recipe.name}: speakers: found no {part} speakers with a label of the "
                "recipe; needed are some to train on, and some under validation, on which the "
                "confidence is calibrated"
            )
    return parts


def _initial_model(recipe: Recipe, seed: int, start: str | Path | None) -> EmotionModel:
    torch.manual_seed(seed)
    if start is None:
        model = build_model(
            recipe.architecture, recipe.labels, recipe.features, recipe.options, EmotionModel
        )
        model.load_pretrained()
    else:
        model = _model_to_continue(start, recipe)
    model.has_speaker_memory = recipe.augmentation.speaker_history > 0
    return model


def _model_to_continue(start: str | Path, recipe: Recipe) -> EmotionModel:
    network, info = load_model(start, kind=EmotionModel)
    info = without_affect(info)
    same = (info.architecture, info.options, info.features)
    if same != (recipe.architecture, recipe.options, recipe.features):
        raise InputError(
            f"--model: {start} has another architecture, or other options or features than recipe "
            f"{recipe.name}"
        )
    return with_labels(network, info, recipe.labels)


def without_affect(info: ModelInfo) -> ModelInfo:
    """Return the description without the layer for valence and arousal.

    The layer was fitted to the hidden states of the network as they were before training.
    """
    options = {name: value for name, value in info.options.items() if name != "affect"}
    return dataclasses.replace(info, options=options)


def _fit_statistics(model: EmotionModel, training_set: TrainingSet, encoded: bool) -> None:
    """Fit the normalisation of features and of hidden states to augmented utterances."""
    if not encoded:
        mean, std = training_set.statistics()
        model.set_normalisation(torch.from_numpy(mean), torch.from_numpy(std))
    model.fit_statistics(_encoded_batches(model, training_set, encoded))


def _encoded_batches(
    model: EmotionModel, training_set: TrainingSet, encoded: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield encoder steps and their numbers for the batches of an epoch."""
    for (inputs, lengths, *_), _ in training_set.epoch(np.random.default_rng(0)):
        if encoded:
            yield inputs, lengths
        else:
            step_lengths = model.step_lengths(lengths)
            assert step_lengths is not None
            yield model.encode(inputs), step_lengths


def _description(
    recipe: Recipe, seed: int, trained: EmotionModel, sounds: Sequence[SoundSource]
) -> ModelInfo:
    """Return the description of a trained network that is not calibrated yet.

    Args:
        sounds: noises and rooms that it was trained with.
    """
    return ModelInfo(
        name=recipe.name,
        architecture=recipe.architecture,
        labels=recipe.labels,
        features=recipe.features,
        mean=tuple(trained.mean.tolist()),
        std=tuple(trained.std.tolist()),
        options=recipe.options,
        smoothing=recipe.smoothing,
        speaker_memory=trained.has_speaker_memory,
        training_data=training_data(
            [*(CORPORA[name] for name in recipe.corpora), *sounds], trained.pretrained_parts, seed
        ),
    )


def _write_model(
    info: ModelInfo,
    trained: EmotionModel,
    recipe: Recipe,
    corpora: Path,
    validation: list[Utterance],
    folder: Path,
) -> None:
    """Calibrate a trained network on validation utterances, and write its model folder."""
    if recipe.eight_bit:  # calibrate the weights that will run
        trained.load_state_dict(from_eight_bit(to_eight_bit(trained.state_dict())))
    calibration = calibrate_by_recipe(TorchNetwork(trained), info, recipe, corpora, validation)
    info = dataclasses.replace(info, calibration=calibration)
    save_model_folder(folder, trained, info, recipe.eight_bit)
