"""One person's voice: a minute of neutral speech tells a model what neutral sounds like in it.

Whose neutral speech a model takes for sad is likely to be taken for sad in everything they say. A
part of what their neutral speech differs by from other people's is taken off all later answers.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import CORPORA, read_corpora
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.errors import InputError
from ser_stream.evaluation.metrics import score
from ser_stream.evaluation.streamed import stream_logits
from ser_stream.files import check_model_folder
from ser_stream.models.base import EmotionModel
from ser_stream.models.calibration import log_softmax
from ser_stream.models.checkpoint import load_model
from ser_stream.models.info import ModelInfo, find_writable
from ser_stream.recipes.speech import Recipe
from ser_stream.training.model_card import write_card
from ser_stream.units import Seconds

SHARE = 0.4
"""Of the difference, which is taken off. On validation speakers 0.25 to 0.5 gave most."""
LEAST_S: Seconds = 10.0
ENOUGH_S: Seconds = 60.0


def adapt(model: str, recordings: list[Path], output: Path) -> Seconds:
    """Write a model folder for the person whose neutral speech the recordings are.

    Returns:
        how much speech was heard in them.

    Raises:
        InputError: the model cannot be read or was never calibrated, or there is too little speech.
    """
    folder = find_writable(model)
    if output.resolve() == folder.resolve():
        raise InputError(f"--output: found {output}, which is the model's own folder")
    check_model_folder(output)
    network, info = _load(folder)
    if any(not info.calibration[trigger].neutral for trigger in (INTERVAL, UTTERANCE)):
        raise InputError(
            f"model {model}: it does not know how neutral speech is answered on average; run "
            "ser-stream calibrate on it first"
        )
    heard: dict[str, list[tuple[Seconds, np.ndarray]]] = {INTERVAL: [], UTTERANCE: []}
    for path in recordings:
        for window, logits in stream_logits(network, info.smoothing, path):
            heard[window.trigger].append((window.weight_s, log_softmax(logits)))
    speech_s = sum(weight for weight, _ in heard[UTTERANCE])
    if speech_s < LEAST_S or not heard[INTERVAL]:
        raise InputError(
            f"neutral speech: found {speech_s:.0f} s in {len(recordings)} recordings; needed are "
            f"{LEAST_S:g} s, better {ENOUGH_S:g}"
        )
    calibration = {
        trigger: dataclasses.replace(
            info.calibration[trigger],
            offset=offset(_mean(members), np.array(info.calibration[trigger].neutral)),
        )
        for trigger, members in heard.items()
    }
    shutil.copytree(folder, output, dirs_exist_ok=True)
    info = dataclasses.replace(
        info, name=output.resolve().name, calibration=calibration, results={}, speaker_memory=False
    )
    info.write(output)
    write_card(output, info)
    return speech_s


def _load(model: str | Path) -> tuple[EmotionModel, ModelInfo]:
    """A model that hears each turn by itself: a memory would take off what adaptation does."""
    network, info = load_model(model)
    network.has_speaker_memory = False
    return network, info


def offset(neutral: np.ndarray, usual: np.ndarray) -> tuple[float, ...]:
    """What is added to a person's logits (labels,).

    Args:
        neutral, usual: (labels,) mean log-probabilities of their neutral speech, and of others'.
    """
    return tuple(np.round(SHARE * (usual - neutral), 4).tolist())


def _mean(members: list[tuple[Seconds, np.ndarray]]) -> np.ndarray:
    weights, values = zip(*members, strict=True)
    return np.average(values, axis=0, weights=np.maximum(weights, 1e-3))


def measure(model: str, recipe: Recipe, corpora: Path, part: str) -> dict:
    """What adaptation is worth on speakers that a recipe holds out.

    Of each speaker half of the neutral recordings, at most a minute of speech, is what the model is
    adapted by; all others are scored, before and after.

    Returns:
        model, recipe, part, and corpora: name -> title, speakers, neutral_s (a speaker, on
        average), and before, after: utterance figures.

    Raises:
        InputError: the model or a corpus cannot be read, or the model was never calibrated.
    """
    network, info = _load(model)
    recipe.require_labels(info.labels, info.name)
    usual = np.array(info.calibration[UTTERANCE].neutral)
    if not len(usual):
        raise InputError(f"model {model}: run ser-stream calibrate on it first")
    utterances = recipe.split(read_corpora(corpora, list(recipe.corpora)))[part]
    report = {"model": info.name, "recipe": recipe.name, "part": part, "corpora": {}}
    for corpus in recipe.corpora:
        speakers = sorted({u.speaker for u in utterances if u.corpus == corpus})
        answers, seconds = [], []
        for speaker in tqdm(speakers, desc=corpus):
            members = [u for u in utterances if u.speaker == speaker]
            told, speech_s = _told(network, info, members, usual)
            answers += told
            seconds.append(speech_s)
        if answers:
            truth, before, after = np.array(answers).T
            report["corpora"][corpus] = {
                "title": CORPORA[corpus].title,
                "speakers": len(speakers),
                "neutral_s": round(float(np.mean(seconds)), 1),
                "before": score(info.labels, truth, before).to_dict(),
                "after": score(info.labels, truth, after).to_dict(),
            }
    return report


def _told(
    network: EmotionModel, info: ModelInfo, utterances: list[Utterance], usual: np.ndarray
) -> tuple[list[tuple[int, int, int]], Seconds]:
    """Truth, answer before and answer after of one speaker's utterances; neutral speech used."""
    heard = []
    for utterance in utterances:
        turns = [
            (window.speech_s, log_softmax(logits))
            for window, logits in stream_logits(network, info.smoothing, utterance.path)
            if window.trigger == UTTERANCE
        ]
        if turns:  # without speech there is no answer to change
            heard.append((utterance.label, *max(turns, key=lambda turn: turn[0])))
    neutral = [index for index, (label, _, _) in enumerate(heard) if label == "neutral"]
    used, speech_s = [], 0.0
    for index in neutral[: len(neutral) // 2]:
        if speech_s < ENOUGH_S:
            used.append(index)
            speech_s += heard[index][1]
    mean = _mean([heard[index][1:] for index in used]) if used else usual
    added = np.array(offset(mean, usual))
    return [
        (info.labels.index(label), int(logits.argmax()), int((logits + added).argmax()))
        for index, (label, _, logits) in enumerate(heard)
        if index not in used
    ], speech_s


def print_measured(report: dict) -> None:
    """WA and UA before and after, on stdout."""
    table = Table(title=f"{report['model']}, {report['part']} speakers, after their neutral speech")
    for column in ("corpus", "speakers", "neutral", "n", "WA", "UA", "adapted: WA", "UA"):
        table.add_column(column, justify="left" if column == "corpus" else "right")
    for entry in report["corpora"].values():
        shares = (entry[when][name] for when in ("before", "after") for name in ("wa", "ua"))
        table.add_row(
            entry["title"], str(entry["speakers"]), f"{entry['neutral_s']:.0f} s",
            str(entry["before"]["n"]), *(f"{share:.1%}" for share in shares),
        )  # fmt: skip
    Console().print(table)
