"""Calibration of a streaming model's confidence, on speakers held out from training."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import read_corpora
from ser_stream.data.channel_simulation import simulate_noisy_rooms
from ser_stream.data.reading import check_recordings
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.engines.base import Network
from ser_stream.engines.choose import open_network
from ser_stream.errors import InputError
from ser_stream.evaluation.predictions import Predictions
from ser_stream.evaluation.score_stream import predict_stream
from ser_stream.evaluation.streamed import RecordingOf, changed, choose_clips
from ser_stream.models.calibration import Calibration, log_softmax
from ser_stream.models.info import ModelInfo, find_writable
from ser_stream.recipes.speech import Recipe
from ser_stream.training.fit_calibration import fit_calibration
from ser_stream.training.model_folder import replace_description
from ser_stream.training.sounds import RecipeSounds


def calibrate(
    network: Network,
    info: ModelInfo,
    utterances: Sequence[Utterance],
    floor: float,
    noisy: RecordingOf | None = None,
) -> dict[str, Calibration]:
    """Fit a calibration for each trigger, on streamed utterances.

    It is fitted to the estimates of each recording alone and, for a model with speaker memory, also
    to those of each speaker's recordings in a row.

    Args:
        floor: confidence below which an estimate abstains. Since confidence is calibrated, this
            share of the estimates with that confidence is correct.
        noisy: returns the recording of an utterance in a noisy room; the calibration is fitted to
            these as well.
    """
    clips = list(utterances)
    conditions = predict_stream(network, info, clips, network.has_speaker_memory)
    if noisy is not None:
        conditions += predict_stream(network, info, clips, recording_of=noisy)
    calibration = {}
    for trigger in (INTERVAL, UTTERANCE):
        groups = [each.predictions(trigger) for each in conditions if each.has(trigger)]
        fitted = fit_calibration(groups) if groups else Calibration()
        neutral = _mean_neutral(info.labels, groups[0]) if groups else ()
        calibration[trigger] = dataclasses.replace(fitted, floor=floor, neutral=neutral)
    return calibration


def calibrate_by_recipe(
    network: Network,
    info: ModelInfo,
    recipe: Recipe,
    corpora: Path,
    validation: list[Utterance] | None = None,
) -> dict[str, Calibration]:
    """Calibrate on a recipe's validation speakers; a recipe with simulated rooms adds noisy ones.

    Args:
        validation: utterances of the validation speakers; None: they are read from the corpora.

    Raises:
        InputError: a corpus cannot be read, or the recipe has no validation speakers.
    """
    if validation is None:
        validation = _validation(recipe, corpora)
    utterances = choose_clips(validation, recipe.calibration_clips)
    noisy = None
    if recipe.channel_simulations and recipe.noise_names:
        sounds = RecipeSounds(recipe, corpora)
        noisy = changed(simulate_noisy_rooms(sounds.noises, sounds.rooms))
    return calibrate(network, info, utterances, recipe.confidence_floor, noisy)


def _validation(recipe: Recipe, corpora: Path) -> list[Utterance]:
    utterances = recipe.split(read_corpora(corpora, list(recipe.corpora)))["validation"]
    if not utterances:
        raise InputError(f"recipe {recipe.name}: it has no validation speakers")
    return utterances


def _mean_neutral(labels: tuple[str, ...], found: Predictions) -> tuple[float, ...]:
    """Return the mean log-probabilities (labels,) of neutral utterances; () without any."""
    if "neutral" not in labels or not np.any(found.targets == labels.index("neutral")):
        return ()
    mean = log_softmax(found.logits[found.targets == labels.index("neutral")]).mean(axis=0)
    return tuple(np.round(mean, 4).tolist())


def calibrate_model(
    model: str | Path, recipe: Recipe, corpora: Path, skip_bad: bool = False
) -> dict[str, Calibration]:
    """Calibrate a model on a recipe's validation speakers, to the recipe's confidence floor.

    The calibration is written to its model.json and its card.

    Args:
        skip_bad: leave out recordings that cannot be read.

    Raises:
        InputError: the model or a corpus cannot be read, the model has no model.json, or the labels
            of model and recipe differ.
    """
    folder = find_writable(model)
    network, info = open_network(folder)
    recipe.require_labels(info.labels, info.name)
    checked = check_recordings(_validation(recipe, corpora), None, skip_bad)
    calibration = calibrate_by_recipe(network, info, recipe, corpora, checked.utterances)
    replace_description(folder, dataclasses.replace(info, calibration=calibration))
    return calibration
