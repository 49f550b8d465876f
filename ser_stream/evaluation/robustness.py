"""Evaluation under acoustic conditions: noise, rooms, levels and bad transmission lines."""

from __future__ import annotations

import dataclasses
import functools
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ser_stream.audio.speech import read_samples, read_unfiltered
from ser_stream.corpora import esc10
from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import CORPORA
from ser_stream.data.acoustics import CONDITIONS, BackgroundSounds
from ser_stream.engines.base import Network
from ser_stream.engines.choose import open_network
from ser_stream.engines.names import AUTO
from ser_stream.errors import InputError
from ser_stream.evaluation.evaluate import LabelledClips, by_corpus, scored_labels
from ser_stream.evaluation.report import EstimateScores, Report
from ser_stream.evaluation.score_stream import score_stream
from ser_stream.evaluation.streamed import (
    IN_A_ROW,
    MIN_SPEECH_S,
    RecordingOf,
    changed,
    stream_outputs,
)
from ser_stream.models.info import ModelInfo
from ser_stream.units import SAMPLE_RATE_HZ

NOISE_FOLDS = (4, 5)
"""Folds of ESC-10 that no recipe trains with."""
NO_SPEECH = "no-speech"
"""Name of the condition in which nobody speaks."""


def evaluate_conditions(
    model: str | Path,
    clips: LabelledClips,
    corpora: Path,
    conditions: list[str],
    labels: Sequence[str] | None = None,
    engine: str = AUTO,
) -> Report:
    """Return the scores of a model on the same recordings under each condition.

    Args:
        corpora: folder with ESC-10, whose sounds are the noise.
        conditions: names of `CONDITIONS`, or `NO_SPEECH`.
        labels: that are scored, see `LabelProjection`; None: the model's.
        engine: runs the network, see `open_network`.

    Returns:
        model, the source of the clips, conditions (name -> corpus -> scores of the utterance
        estimates, with a speaker memory also `IN_A_ROW`), left_out and unreadable, see
        `evaluation.report`, and, with `NO_SPEECH`, the result of `false_estimates`.

    Raises:
        InputError: no clip is left to score, there is no ESC-10, or a room needs pyroomacoustics.
    """
    network, info = open_network(model, engine)
    labels = scored_labels(info, labels)
    clips = _readable(clips).with_labels(labels)
    noises = esc10.noise_files(corpora / "esc10", NOISE_FOLDS)
    surroundings = BackgroundSounds(noises, [u.path for u in clips.utterances])
    report: Report = {"model": info.name, **clips.source, "conditions": {}}
    for key, messages in (("left_out", clips.left_out), ("unreadable", clips.unreadable)):
        if messages:
            report[key] = messages
    for name in conditions:
        if name == NO_SPEECH:
            report["false_estimates"] = false_estimates(network, info, corpora)
            continue
        simulated = changed(functools.partial(_simulated, condition=name, around=surroundings))
        report["conditions"][name] = {
            corpus: _scores(network, info, members, labels, simulated)
            for corpus, members in by_corpus(clips.utterances).items()
        }
    return report


def _readable(clips: LabelledClips) -> LabelledClips:
    """Return the clips whose file can be read; the others are listed in `unreadable`."""
    readable, unreadable = [], list(clips.unreadable)
    for utterance in clips.utterances:
        try:
            read_samples(utterance.path)
        except InputError as error:
            unreadable.append(str(error))
        else:
            readable.append(utterance)
    return dataclasses.replace(clips, utterances=readable, unreadable=unreadable)


def _scores(
    network: Network,
    info: ModelInfo,
    utterances: list[Utterance],
    labels: Sequence[str],
    recording_of: RecordingOf,
) -> EstimateScores:
    in_a_row = network.has_speaker_memory and all(u.speaker for u in utterances)
    report = score_stream(network, info, utterances, in_a_row, labels, None, recording_of)
    scores = report["utterance"]
    return scores | {IN_A_ROW: report[IN_A_ROW]} if in_a_row else scores


def _simulated(utterance: Utterance, condition: str, around: BackgroundSounds) -> np.ndarray:
    """Return the samples of an utterance under the condition."""
    rng = np.random.default_rng(zlib.crc32(f"{condition} {utterance.key}".encode()))
    return CONDITIONS[condition](read_unfiltered(utterance.path), around, rng)


def false_estimates(network: Network, info: ModelInfo, corpora: Path) -> dict:
    """Count estimates with sufficient confidence for sounds without a voice (ESC-10, folds 4, 5).

    As in a live stream, windows and turns with less speech than `MIN_SPEECH_S` do not count.

    Returns:
        hours, estimates, per_hour, and by_sound: class -> number of estimates.
    """
    seconds = 0.0
    by_sound: dict[str, int] = {}
    for path in esc10.noise_files(corpora / "esc10", NOISE_FOLDS):
        seconds += len(read_samples(path)) / SAMPLE_RATE_HZ
        for window, outputs in stream_outputs(network, info.smoothing, path):
            calibration = info.calibration[window.trigger]
            probabilities = calibration.probabilities(outputs.logits, outputs.voice_known_s)
            sure = probabilities.max() >= calibration.floor
            if sure and window.speech_s >= MIN_SPEECH_S:
                by_sound[path.parent.name] = by_sound.get(path.parent.name, 0) + 1
    n, hours = sum(by_sound.values()), seconds / 3600
    return {
        "hours": round(hours, 3),
        "estimates": n,
        "per_hour": round(n / hours, 1),
        "by_sound": by_sound,
    }


def conditions_table(report: dict) -> str:
    """Return a Markdown table: UA of utterance estimates in percent, and its change from the first.

    With a speaker memory, also the mean of a speaker's recordings in a row.
    """
    lines: list[str] = []
    if conditions := report["conditions"]:
        first, clean = next(iter(conditions.items()))
        columns = ["condition", *map(corpus_title, clean)]
        columns += ["mean", f"against {first}"]
        rows = [[name] for name in conditions]
        for row, scores in zip(rows, conditions.values(), strict=True):
            row += [f"{100 * entry['ua']:.1f}" for entry in scores.values()]
        with_mean = [conditions]
        if all(IN_A_ROW in entry for entry in clean.values()):
            columns += ["in a row: mean", f"against {first}"]
            with_mean.append({
                name: {corpus: entry[IN_A_ROW] for corpus, entry in scores.items()}
                for name, scores in conditions.items()
            })  # fmt: skip
        for scores_by_condition in with_mean:
            means = [_mean_ua(scores) for scores in scores_by_condition.values()]
            for row, mean in zip(rows, means, strict=True):
                row += [f"{mean:.1f}", f"{mean - means[0]:+.1f}"]
        lines = [f"| {' | '.join(row)} |" for row in [columns, *rows]]
        lines.insert(1, "|---" * len(columns) + "|")
    if no_speech := report.get("false_estimates"):
        minutes = 60 * no_speech["hours"]
        lines += ["", (
            f"Sounds without a voice (ESC-10, folds 4 and 5, {minutes:.1f} minutes): "
            f"{no_speech['estimates']} estimates, {no_speech['per_hour']:g} per hour."
        )]  # fmt: skip
    return "\n".join(lines)


def corpus_title(corpus: str) -> str:
    """Return the name of a corpus as people write it; own clips are "own clips"."""
    return CORPORA[corpus].title if corpus in CORPORA else f"{corpus} clips"


def _mean_ua(scores: dict[str, dict]) -> float:
    return 100 * float(np.mean([entry["ua"] for entry in scores.values()]))
