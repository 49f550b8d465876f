"""Adaptation of a model to one person, with a minute of their neutral speech.

Where a person's neutral speech gets a high probability of sad, so does everything else they say.
A share of the difference between the log-probabilities of their neutral speech and of other
people's is therefore subtracted from all later logits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.table import Table

from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import CORPORA, read_corpora
from ser_stream.data.reading import check_recordings
from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.engines.base import Network
from ser_stream.engines.choose import open_network
from ser_stream.errors import InputError
from ser_stream.evaluation.metrics import score
from ser_stream.evaluation.streamed import stream_outputs
from ser_stream.evaluation.tables import table_console
from ser_stream.files import copy_file
from ser_stream.models.calibration import log_softmax
from ser_stream.models.folder import model_file, prepare_model_folder, replacing_model
from ser_stream.models.info import ModelInfo, find_writable
from ser_stream.progress import progress
from ser_stream.recipes.speech import Recipe
from ser_stream.text import valid_text
from ser_stream.training.model_folder import write_description
from ser_stream.units import Seconds

SHARE = 0.4
"""Share of the difference that is subtracted; 0.25 to 0.5 gained most on validation speakers."""
MIN_SPEECH_S: Seconds = 10.0
ENOUGH_SPEECH_S: Seconds = 60.0

WeightedLogits = list[tuple[Seconds, np.ndarray]]
"""One entry per window: its seconds of speech, and its log-probabilities (labels,)."""


def adapt(model: str, recordings: Sequence[Path], output: Path) -> Seconds:
    """Write a model folder for the person whose neutral speech is in the recordings.

    Returns:
        Seconds of speech found in them.

    Raises:
        InputError: the model cannot be read or was never calibrated, or there is too little speech.
    """
    folder = find_writable(model)
    if output.resolve() == folder.resolve():
        raise InputError(f"--output: found {output}, which is the model's own folder")
    prepare_model_folder(output)
    network, info = _load_without_memory(folder)
    for trigger in (INTERVAL, UTTERANCE):
        _require_neutral(info, trigger, model)
    logits: dict[str, WeightedLogits] = {INTERVAL: [], UTTERANCE: []}
    for path in recordings:
        for window, outputs in stream_outputs(network, info.smoothing, path):
            logits[window.trigger].append((window.weight_s, log_softmax(outputs.logits)))
    speech_s = sum(weight_s for weight_s, _ in logits[UTTERANCE])
    if speech_s < MIN_SPEECH_S or not logits[INTERVAL]:
        raise InputError(
            f"neutral speech: found {speech_s:.0f} s in {len(recordings)} recordings; needed are "
            f"{MIN_SPEECH_S:g} s, better {ENOUGH_SPEECH_S:g}"
        )
    calibration = {
        trigger: dataclasses.replace(
            info.calibration[trigger].for_known_voice(),
            offset=offset(_mean(members), np.array(info.calibration[trigger].neutral)),
        )
        for trigger, members in logits.items()
    }
    info = dataclasses.replace(
        info,
        name=valid_text(output.resolve().name),
        calibration=calibration,
        results={},
        speaker_memory=False,
    )
    with replacing_model(output) as written:
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                copy_file(model_file(folder, path.name), written / path.name)
        write_description(written, info)
    return speech_s


def _load_without_memory(model: str | Path) -> tuple[Network, ModelInfo]:
    """Load a model without its speaker memory, which would undo the adaptation."""
    network, info = open_network(model)
    network.has_speaker_memory = False
    return network, info


def _require_neutral(info: ModelInfo, trigger: str, model: str) -> np.ndarray:
    """Return the mean log-probabilities of neutral speech, (labels,)."""
    neutral = info.calibration[trigger].neutral
    if not neutral:
        raise InputError(
            f"model {model}: its calibration lacks the mean answer to neutral speech; run "
            "ser-stream calibrate on it first"
        )
    return np.array(neutral)


def offset(person: np.ndarray, others: np.ndarray) -> tuple[float, ...]:
    """Return the offset that is added to a person's logits, (labels,).

    Args:
        person, others: (labels,) mean log-probabilities of neutral speech of the person and of
            other people.
    """
    return tuple(np.round(SHARE * (others - person), 4).tolist())


def _mean(members: WeightedLogits) -> np.ndarray:
    weights, values = zip(*members, strict=True)
    return np.average(values, axis=0, weights=np.maximum(weights, 1e-3))


class Answer(NamedTuple):
    """Label indices of an utterance: the truth, and the answers before and after adaptation."""

    truth: int
    before: int
    after: int


def measure_gain(
    model: str, recipe: Recipe, corpora: Path, part: str, skip_bad: bool = False
) -> dict[str, Any]:
    """Score a model on a recipe's held-out speakers, before and after adaptation to each.

    The model is adapted to half of a speaker's neutral recordings, at most a minute of speech; the
    speaker's other recordings are scored.

    Args:
        skip_bad: leave out recordings that cannot be read.

    Returns:
        model, recipe, part, and corpora: name -> title, speakers, neutral_s (mean per speaker), and
        before, after: scores of utterance estimates; skipped: one message for each recording that
        was left out, if any.

    Raises:
        InputError: the model or a corpus cannot be read, or the model was never calibrated.
    """
    network, info = _load_without_memory(model)
    recipe.require_labels(info.labels, info.name)
    others = _require_neutral(info, UTTERANCE, model)
    held_out = recipe.split(read_corpora(corpora, list(recipe.corpora)))[part]
    checked = check_recordings(held_out, None, skip_bad)
    utterances = checked.utterances
    results: dict[str, dict[str, Any]] = {}
    for corpus in recipe.corpora:
        speakers = sorted({u.speaker for u in utterances if u.corpus == corpus})
        answers, seconds = [], []
        for speaker in progress(speakers, corpus):
            members = [u for u in utterances if u.speaker == speaker]
            found, speech_s = _answers(network, info, members, others)
            answers += found
            seconds.append(speech_s)
        if answers:
            truth, before, after = np.array(answers).T
            results[corpus] = {
                "title": CORPORA[corpus].title,
                "speakers": len(speakers),
                "neutral_s": round(float(np.mean(seconds)), 1),
                "before": score(info.labels, truth, before).to_dict(),
                "after": score(info.labels, truth, after).to_dict(),
            }
    report = {"model": info.name, "recipe": recipe.name, "part": part, "corpora": results}
    return report | ({"skipped": checked.skipped} if checked.skipped else {})


def _answers(
    network: Network, info: ModelInfo, utterances: Sequence[Utterance], others: np.ndarray
) -> tuple[list[Answer], Seconds]:
    """Return the answers to one speaker's utterances, and the seconds of neutral speech used.

    Args:
        others: see `offset`.
    """
    turns: list[tuple[str, Seconds, np.ndarray]] = []
    for utterance in utterances:
        answered = [
            (window.speech_s, log_softmax(outputs.logits))
            for window, outputs in stream_outputs(network, info.smoothing, utterance.path)
            if window.trigger == UTTERANCE
        ]
        if answered:  # a recording without detected speech has no answer
            turns.append((utterance.label, *max(answered, key=lambda turn: turn[0])))
    neutral = [index for index, (label, _, _) in enumerate(turns) if label == "neutral"]
    used, speech_s = [], 0.0
    for index in neutral[: len(neutral) // 2]:
        if speech_s < ENOUGH_SPEECH_S:
            used.append(index)
            speech_s += turns[index][1]
    person = _mean([turns[index][1:] for index in used]) if used else others
    added = np.array(offset(person, others))
    answers = [
        Answer(info.labels.index(label), int(logits.argmax()), int((logits + added).argmax()))
        for index, (label, _, logits) in enumerate(turns)
        if index not in used
    ]
    return answers, speech_s


def print_gain(report: dict[str, Any]) -> None:
    """Print WA and UA before and after adaptation."""
    table = Table(title=f"{report['model']}, {report['part']} speakers, after their neutral speech")
    for column in ("corpus", "speakers", "neutral", "n", "WA", "UA", "adapted: WA", "UA"):
        table.add_column(column, justify="left" if column == "corpus" else "right")
    for entry in report["corpora"].values():
        shares = (entry[when][name] for when in ("before", "after") for name in ("wa", "ua"))
        table.add_row(
            entry["title"], str(entry["speakers"]), f"{entry['neutral_s']:.0f} s",
            str(entry["before"]["n"]), *(f"{share:.1%}" for share in shares),
        )  # fmt: skip
    table_console().print(table)
