"""Fits confidence to what is published, on speakers the model was not trained on."""

from __future__ import annotations

import dataclasses
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.optimize
from tqdm import tqdm

from ser_stream.audio.recording import Recording
from ser_stream.audio.turns import TurnSettings
from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import read_corpora
from ser_stream.decoding import INTERVAL, UTTERANCE, Calibration, log_softmax
from ser_stream.errors import InputError
from ser_stream.features.voice_memory import VoiceMemory
from ser_stream.inference import Judge, JudgeSettings, memory_for
from ser_stream.models.base import EmotionModel
from ser_stream.models.checkpoint import load_model
from ser_stream.models.info import ModelInfo, find_writable
from ser_stream.session import StreamSession, Window, WindowSettings
from ser_stream.training.card import write_card
from ser_stream.training.ears import in_use
from ser_stream.training.recipe import Recipe

MIN_SPEECH_S = 0.7


def stream_logits(
    model: EmotionModel, smoothing: float, path: Path, memory: VoiceMemory | None = None
) -> Iterator[tuple[Window, np.ndarray]]:
    """Each window of a recording, and its logits (labels,), as the recogniser has them.

    Args:
        memory: of recordings before it, which this one is added to; None: there were none.
    """
    settings = WindowSettings(model.features, model.window_frames, model.hop_frames, MIN_SPEECH_S)
    source = Recording(path)
    session = StreamSession(settings, TurnSettings(), settle_s=source.settle_s)
    judge_settings = JudgeSettings(model.window_steps, smoothing, {}, MIN_SPEECH_S)
    judge = Judge(model, "", judge_settings, memory)
    for block in source.blocks():
        for window in session.push(block):
            yield window, judge.logits(window)
    for window in session.finish():
        yield window, judge.logits(window)


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
    heard = _heard(model, info, utterances)
    others = [_heard(model, info, noisy)] if noisy else []
    if model.remembers:
        memories = memories_of(model, utterances)
        others.append(_heard(model, info, in_no_order(utterances), memories))
    fitted = {}
    for trigger, (logits, targets) in heard.items():
        temperature = fit_temperature(
            np.concatenate([logits, *(other[trigger][0] for other in others)]),
            np.concatenate([targets, *(other[trigger][1] for other in others)]),
        )
        fitted[trigger] = Calibration(temperature, floor, _neutral(info.labels, logits, targets))
    return fitted


def in_no_order(utterances: list[Utterance]) -> list[Utterance]:
    """In an order that is always the same, and has nothing to do with what is said."""
    return sorted(utterances, key=lambda u: zlib.crc32(u.key.encode()))


def memories_of(model: EmotionModel, utterances: list[Utterance]) -> dict[str, VoiceMemory]:
    """An empty memory for each speaker."""
    return {utterance.speaker: memory_for(model) for utterance in utterances}


def _heard(
    model: EmotionModel,
    info: ModelInfo,
    utterances: list[Utterance],
    memories: dict[str, VoiceMemory] | None = None,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each trigger: logits (estimates, labels) and the true labels' indices (estimates,)."""
    logits = {INTERVAL: [], UTTERANCE: []}
    targets = {INTERVAL: [], UTTERANCE: []}
    for utterance in tqdm(utterances, desc="calibration"):
        memory = memories[utterance.speaker] if memories else None
        for window, values in stream_logits(model, info.smoothing, utterance.path, memory):
            logits[window.trigger].append(values)
            targets[window.trigger].append(info.labels.index(utterance.label))
    return {trigger: (np.array(logits[trigger]), np.array(targets[trigger])) for trigger in logits}


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
    with tempfile.TemporaryDirectory() as folder:
        noisy = []
        if recipe.ears and recipe.noise_folds:
            noisy = in_use(utterances, corpora, recipe.noise_folds, Path(folder))
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


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of n answers: confidence (n,), right (n,) bool.

    Naeini, Cooper and Hauskrecht, AAAI 2015; bins of equal width.
    """
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for number in np.unique(index):
        members = index == number
        error += members.mean() * abs(confidence[members].mean() - right[members].mean())
    return float(error)
