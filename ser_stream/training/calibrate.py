"""Calibration of a streaming model's confidence, on speakers held out from training."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.optimize

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import read_corpora
from ser_stream.data.channel_simulation import simulate_noisy_rooms
from ser_stream.data.reading import check_recordings
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.engines.base import Network
from ser_stream.engines.choose import open_network
from ser_stream.errors import InputError
from ser_stream.evaluation.streamed import (
    RecordingOf,
    changed,
    choose_clips,
    recorded,
    stream_logits_per_memory,
    with_speaker_memories,
)
from ser_stream.models.calibration import Calibration, log_softmax
from ser_stream.models.info import ModelInfo, find_writable
from ser_stream.progress import progress
from ser_stream.recipes.speech import Recipe
from ser_stream.training.model_folder import replace_description
from ser_stream.training.sounds import RecipeSounds

LabelledLogits = dict[str, tuple[np.ndarray, np.ndarray]]
"""Trigger -> logits (estimates, labels), and indices of the true labels (estimates,)."""


def calibrate(
    network: Network,
    info: ModelInfo,
    utterances: Sequence[Utterance],
    floor: float,
    noisy: RecordingOf | None = None,
) -> dict[str, Calibration]:
    """Fit a temperature for each trigger, on streamed utterances.

    A temperature is fitted to the logits of each recording alone and, for a model with speaker
    memory, also to those of each speaker's recordings in a row.

    Args:
        floor: confidence below which an estimate abstains. Since confidence is calibrated, this
            share of the estimates with that confidence is correct.
        noisy: returns the recording of an utterance in a noisy room; temperatures are fitted to
            these as well.
    """
    alone, *others = _streamed_logits(network, info, utterances, network.has_speaker_memory)
    if noisy is not None:
        others += _streamed_logits(network, info, utterances, False, noisy)
    calibration = {}
    for trigger, (logits, targets) in alone.items():
        temperature = fit_temperature(
            np.concatenate([logits, *(other[trigger][0] for other in others)]),
            np.concatenate([targets, *(other[trigger][1] for other in others)]),
        )
        neutral = _mean_neutral(info.labels, logits, targets)
        calibration[trigger] = Calibration(temperature, floor, neutral)
    return calibration


def _streamed_logits(
    network: Network,
    info: ModelInfo,
    utterances: Sequence[Utterance],
    in_a_row: bool,
    recording_of: RecordingOf = recorded,
) -> list[LabelledLogits]:
    """Return the logits of recordings alone and, with `in_a_row`, of those in a row."""
    logits: list[dict[str, list[np.ndarray]]] = [
        {INTERVAL: [], UTTERANCE: []} for _ in range(1 + in_a_row)
    ]
    targets: dict[str, list[int]] = {INTERVAL: [], UTTERANCE: []}
    recordings = with_speaker_memories(network, list(utterances), in_a_row)
    for utterance, memories in progress(recordings, "calibrating", len(utterances)):
        target = info.labels.index(utterance.label)
        recording = recording_of(utterance)
        windows = stream_logits_per_memory(network, info.smoothing, recording, memories)
        for window, scored in windows:
            targets[window.trigger].append(target)
            for condition, values in zip(logits, scored, strict=True):
                condition[window.trigger].append(values)
    return [
        {name: (np.array(condition[name]), np.array(targets[name])) for name in targets}
        for condition in logits
    ]


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


def _mean_neutral(
    labels: tuple[str, ...], logits: np.ndarray, targets: np.ndarray
) -> tuple[float, ...]:
    """Return the mean log-probabilities (labels,) of neutral utterances; () without any."""
    if "neutral" not in labels or not np.any(targets == labels.index("neutral")):
        return ()
    mean = log_softmax(logits[targets == labels.index("neutral")]).mean(axis=0)
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


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """Return the temperature that minimises the negative log-likelihood.

    Args:
        logits: (n, labels).
        targets: (n,) indices of labels.
    """

    def loss(log_temperature: float) -> float:
        log_probabilities = log_softmax(logits / np.exp(log_temperature))
        return -log_probabilities[np.arange(len(targets)), targets].mean()

    fitted = scipy.optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded")
    return round(float(np.exp(fitted.x)), 4)
