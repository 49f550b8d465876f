"""Fits confidence to what is published, on speakers the model was not trained on."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import scipy.optimize
from tqdm import tqdm

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import read_corpora
from ser_stream.data.channel_simulation import simulate_noisy_rooms
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.errors import InputError
from ser_stream.evaluation.streamed import draw, stream_logits_after, with_memories
from ser_stream.models.base import EmotionModel
from ser_stream.models.calibration import Calibration, log_softmax
from ser_stream.models.checkpoint import load_model
from ser_stream.models.info import ModelInfo, find_writable
from ser_stream.recipes.speech import Recipe
from ser_stream.training.model_card import write_card


def calibrate(
    model: EmotionModel,
    info: ModelInfo,
    utterances: list[Utterance],
    floor: float,
    noisy: list[Utterance] = (),
) -> dict[str, Calibration]:
    """Temperature for each trigger, fitted on these utterances as they stream.

    Temperatures are fitted to each recording by itself and, of a model that remembers voices, in a
    row too.

    Args:
        noisy: the same as they are heard in noisy rooms, which they are fitted to as well.
        floor: confidence under which an estimate abstains. Being calibrated, it is the share of
            estimates of that confidence which are right.
    """
    heard, *others = _heard(model, info, utterances, model.has_speaker_memory)
    if noisy:
        others += _heard(model, info, noisy, in_a_row=False)
    fitted = {}
    for trigger, (logits, targets) in heard.items():
        temperature = fit_temperature(
            np.concatenate([logits, *(other[trigger][0] for other in others)]),
            np.concatenate([targets, *(other[trigger][1] for other in others)]),
        )
        fitted[trigger] = Calibration(temperature, floor, _neutral(info.labels, logits, targets))
    return fitted


def _heard(
    model: EmotionModel, info: ModelInfo, utterances: list[Utterance], in_a_row: bool
) -> list[dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Of recordings alone, and of those in a row too: for each trigger logits and true labels.

    Logits are (estimates, labels), labels' indices (estimates,).
    """
    logits = [{INTERVAL: [], UTTERANCE: []} for _ in range(1 + in_a_row)]
    targets = {INTERVAL: [], UTTERANCE: []}
    recordings = with_memories(model, utterances, in_a_row)
    for utterance, memories in tqdm(recordings, desc="calibration", total=len(utterances)):
        target = info.labels.index(utterance.label)
        of_windows = stream_logits_after(model, info.smoothing, utterance.path, memories)
        for window, judged in of_windows:
            targets[window.trigger].append(target)
            for way, values in zip(logits, judged, strict=True):
                way[window.trigger].append(values)
    return [
        {name: (np.array(way[name]), np.array(targets[name])) for name in targets} for way in logits
    ]


def calibrate_to(
    network: EmotionModel, info: ModelInfo, recipe: Recipe, corpora: Path
) -> dict[str, Calibration]:
    """Calibrate on a recipe's validation speakers, also in noisy rooms if training was in such.

    Raises:
        InputError: a corpus cannot be read, or there are no such speakers.
    """
    utterances = recipe.split(read_corpora(corpora, list(recipe.corpora)))["validation"]
    if not utterances:
        raise InputError(f"recipe {recipe.name}: it has no validation speakers")
    utterances = draw(utterances, recipe.calibration_clips)
    with tempfile.TemporaryDirectory() as folder:
        noisy = []
        if recipe.channel_simulations and recipe.noise_folds:
            noisy = simulate_noisy_rooms(utterances, corpora, recipe.noise_folds, Path(folder))
        return calibrate(network, info, utterances, recipe.confidence_floor, noisy)


def _neutral(labels: tuple[str, ...], logits: np.ndarray, targets: np.ndarray) -> tuple[float, ...]:
    """Mean log-probabilities (labels,) of what is neutral; () where nothing is."""
    if "neutral" not in labels or not np.any(targets == labels.index("neutral")):
        return ()
    mean = log_softmax(logits[targets == labels.index("neutral")]).mean(axis=0)
    return tuple(np.round(mean, 4).tolist())


def calibrate_model(model: str | Path, recipe: Recipe, corpora: Path) -> dict[str, Calibration]:
    """Calibrate a model on a recipe's validation speakers, to the recipe's confidence floor.

    What was fitted goes into its model.json and its card.

    Raises:
        InputError: the model or a corpus cannot be read, there is nothing in model.json to change,
            or model and recipe have other labels.
    """
    folder = find_writable(model)
    network, info = load_model(folder)
    recipe.require_labels(info.labels, info.name)
    fitted = calibrate_to(network, info, recipe, corpora)
    info = dataclasses.replace(info, calibration=fitted)
    info.write(folder)
    write_card(folder, info)
    return fitted


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """Temperature of least negative log-likelihood, for logits (n, labels) and targets (n,)."""

    def loss(log_temperature: float) -> float:
        log_probabilities = log_softmax(logits / np.exp(log_temperature))
        return -log_probabilities[np.arange(len(targets)), targets].mean()

    fitted = scipy.optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded")
    return round(float(np.exp(fitted.x)), 4)
