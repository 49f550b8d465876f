"""Scores of a network of sound and words on pairs of clips and texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ser_stream.data.pairs import NEUTRAL, EvaluationItems, EvaluationPairs
from ser_stream.emotion import UTTERANCE
from ser_stream.engines.choose import open_network
from ser_stream.evaluation.metrics import score_answers
from ser_stream.evaluation.streamed import stream_outputs
from ser_stream.models.calibration import Calibration
from ser_stream.models.papers.can import CrossAttentionNetwork
from ser_stream.progress import progress
from ser_stream.stream.decoding import mean_scores

ANSWERS = ("joint", "text", "sound")
"""Names of the predictions: of the network, and of each of its branches alone."""
FIRST, LIVE = "first", "live"
"""Names of the prediction of a streaming model, and of its mean with the joint prediction, which a
live stream publishes."""

AudioPredictions = Sequence[dict[str, float] | None]
"""For each clip label -> probability, or None where no speech was found."""


def audio_predictions(model: str | Path, clips: Sequence[Path]) -> AudioPredictions:
    """Return the probabilities of a streaming model for the longest turn of each clip.

    Raises:
        InputError: there is no such model, or a clip cannot be read.
    """
    network, info = open_network(model)
    answers: list[dict[str, float] | None] = []
    for clip in progress(clips, info.name):
        turns = [
            (window.speech_s, outputs)
            for window, outputs in stream_outputs(network, info.smoothing, clip)
            if window.trigger == UTTERANCE
        ]
        if not turns:
            answers.append(None)
            continue
        outputs = max(turns, key=lambda turn: turn[0])[1]
        calibration = info.calibration[UTTERANCE]
        probabilities = calibration.probabilities(outputs.logits, outputs.voice_known_s)
        answers.append(dict(zip(info.labels, map(float, probabilities), strict=True)))
    return answers


def score_pairs(
    model: CrossAttentionNetwork,
    pairs: EvaluationPairs,
    calibration: Calibration,
    first: AudioPredictions | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the scores of the network, and of each branch alone, by kind of pair.

    Args:
        calibration: of the joint prediction.
        first: predictions of a streaming model for the clips; each clip is in two pairs.

    Returns:
        kind ("all", "same emotion", "neutral words", "neutral voice") -> prediction (`ANSWERS`,
        with `first` also `FIRST` and `LIVE`) -> scores against the pair's emotion.
    """
    labels = model.labels
    by_pair = None if first is None else [answer for answer in first for _ in range(2)]
    predicted = predicted_labels(model, pairs, calibration, by_pair)
    neutral = labels.index(NEUTRAL)
    same = pairs.text_targets == pairs.voice_targets
    kinds = {
        "all": np.full(len(same), True),
        "same emotion": same,
        "neutral words": ~same & (pairs.text_targets == neutral),
        "neutral voice": ~same & (pairs.voice_targets == neutral),
    }
    return {
        kind: {
            name: score_answers(labels, pairs.targets[chosen], answers[chosen]).to_dict()
            for name, answers in predicted.items()
        }
        for kind, chosen in kinds.items()
    }


def predicted_labels(
    model: CrossAttentionNetwork,
    items: EvaluationItems,
    calibration: Calibration,
    first: AudioPredictions | None = None,
) -> dict[str, np.ndarray]:
    """Return prediction (`ANSWERS`, with `first` also `FIRST` and `LIVE`) -> labels (items,).

    Args:
        calibration: of the joint prediction.
        first: predictions of a streaming model, one per item.
    """
    labels = model.labels
    logits = {name: np.empty((len(items.targets), len(labels))) for name in ANSWERS}
    with torch.inference_mode():
        for members, (batch,) in items.batches():
            predictions = model.predictions(batch)
            answers = (model.combined(predictions), predictions.text, predictions.audio)
            for name, values in zip(ANSWERS, answers, strict=True):
                logits[name][members] = values
    predicted = {name: values.argmax(axis=1) for name, values in logits.items()}
    if first is not None:
        joint = calibration.probabilities(logits[ANSWERS[0]])
        predicted[FIRST] = np.array([_best(labels, answer) for answer in first])
        predicted[LIVE] = np.array([
            _best(labels, answer and mean_scores(answer, dict(zip(labels, own, strict=True))))
            for answer, own in zip(first, joint, strict=True)
        ])  # fmt: skip
    return predicted


def _best(labels: tuple[str, ...], scores: dict[str, float] | None) -> int:
    """Return the index of the best label; -1 without scores, or if it is not among `labels`."""
    best = max(scores, key=lambda label: scores[label]) if scores else None
    return labels.index(best) if best in labels else -1


HEADINGS = {
    "joint": "joint", "text": "text alone", "sound": "sound alone", FIRST: "first estimate",
    LIVE: "mean of both, as published",
}  # fmt: skip


def scores_table(results: dict[str, Any]) -> list[str]:
    """Return Markdown lines: WA and UA of each prediction, by part, recognition errors and kind."""
    rows = [
        (part, rate, kind, answers)
        for part, by_rate in results.items()
        for rate, kinds in by_rate.items()
        for kind, answers in kinds.items()
    ]
    names = [name for name in HEADINGS if any(name in answers for *_, answers in rows)]
    lines = ["| part | recognition errors | pairs | n |"
             + "".join(f" {HEADINGS[name]} WA | UA |" for name in names)]  # fmt: skip
    lines += ["|---" * (4 + 2 * len(names)) + "|"]
    for part, rate, kind, answers in rows:
        cells = [
            f"{100 * answers[name][metric]:.1f}" if name in answers else ""
            for name in names
            for metric in ("wa", "ua")
        ]
        n = answers[ANSWERS[0]]["n"]
        lines.append(f"| {part} | {rate} | {kind} | {n} | {' | '.join(cells)} |")
    return lines
