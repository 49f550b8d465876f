"""Fits confidence to what is published, on speakers the model was not trained on."""

from __future__ import annotations

import dataclasses
import tempfile
import zlib
from collections.abc import Iterator, Sequence
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
    for window, (logits,) in stream_logits_after(model, smoothing, path, [memory]):
        yield window, logits


def stream_logits_after(
    model: EmotionModel, smoothing: float, path: Path, memories: Sequence[VoiceMemory | None]
) -> Iterator[tuple[Window, list[np.ndarray]]]:
    """`stream_logits` after each of several pasts: the recording itself is heard once."""
    settings = WindowSettings(model.features, model.window_frames, model.hop_frames, MIN_SPEECH_S)
    source = Recording(path)
    session = StreamSession(settings, TurnSettings(), settle_s=source.settle_s)
    judge_settings = JudgeSettings(model.window_steps, smoothing, {}, MIN_SPEECH_S)
    judges = [Judge(model, "", judge_settings, memory) for memory in memories]
    for block in source.blocks():
        for window in session.push(block):
            yield window, [judge.logits(window) for judge in judges]
    for window in session.finish():
        yield window, [judge.logits(window) for judge in judges]


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
    heard, *others = _heard(model, info, utterances, model.remembers)
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


def draw(utterances: list[Utterance], clips: int | None) -> list[Utterance]:
    """So many of each corpus, those with the lowest checksums of their keys; None: all."""
    if clips is None:
        return utterances
    by_corpus: dict[str, list[Utterance]] = {}
    for utterance in in_no_order(utterances):
        by_corpus.setdefault(utterance.corpus, []).append(utterance)
    return [u for members in by_corpus.values() for u in members[:clips]]


def in_no_order(utterances: list[Utterance]) -> list[Utterance]:
    """In an order that is always the same, and has nothing to do with what is said."""
    return sorted(utterances, key=lambda u: zlib.crc32(u.key.encode()))


def pasts(
    model: EmotionModel, utterances: list[Utterance], in_a_row: bool
) -> Iterator[tuple[Utterance, list[VoiceMemory | None]]]:
    """Each recording, and the pasts that it is heard after: none, and, in a row, its speaker's."""
    memories = {u.speaker: memory_for(model) for u in utterances} if in_a_row else {}
    for utterance in in_no_order(utterances):
        yield utterance, [None] + ([memories[utterance.speaker]] if in_a_row else [])


def _heard(
    model: EmotionModel, info: ModelInfo, utterances: list[Utterance], in_a_row: bool
) -> list[dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Of recordings alone, and of those in a row too: for each trigger logits and true labels.

    Logits are (estimates, labels), labels' indices (estimates,).
    """
    logits = [{INTERVAL: [], UTTERANCE: []} for _ in range(1 + in_a_row)]
    targets = {INTERVAL: [], UTTERANCE: []}
    recordings = pasts(model, utterances, in_a_row)
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
