"""What a network that sees words beside sound makes of pairs of clips and texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from ser_stream.data.pairs import NEUTRAL, EvaluationPairs
from ser_stream.emotion import UTTERANCE
from ser_stream.evaluation.metrics import score_answers
from ser_stream.evaluation.streamed import stream_logits
from ser_stream.models.calibration import Calibration
from ser_stream.models.checkpoint import load_model
from ser_stream.models.papers.can import CrossAttentionNetwork
from ser_stream.stream.decoding import mean_scores

ANSWERS = ("joint", "text", "sound")
"""The network's, and those of its branches alone."""
FIRST, LIVE = "first", "live"
"""A streaming model's answer to the clip, and its mean with the joint one: published live."""

AudioPredictions = Sequence[dict[str, float] | None]


def audio_predictions(model: str | Path, clips: Sequence[Path]) -> AudioPredictions:
    """Scores that a model which streams gives clips: of each the longest turn's.

    None where nobody was heard to speak.

    Raises:
        InputError: there is no such model, or a clip cannot be read.
    """
    network, info = load_model(model)
    answers = []
    for clip in tqdm(clips, desc=info.name):
        turns = [
            (window.speech_s, logits)
            for window, logits in stream_logits(network, info.smoothing, clip)
            if window.trigger == UTTERANCE
        ]
        if not turns:
            answers.append(None)
            continue
        logits = max(turns, key=lambda turn: turn[0])[1]
        probabilities = info.calibration[UTTERANCE].probabilities(logits)
        answers.append(dict(zip(info.labels, map(float, probabilities), strict=True)))
    return answers


def figures(
    model: CrossAttentionNetwork,
    pairs: EvaluationPairs,
    calibration: Calibration,
    first: AudioPredictions | None = None,
) -> dict[str, dict[str, Any]]:
    """What the network, and each of its branches alone, makes of pairs, by kind of pair.

    Args:
        calibration: of the network's answer.
        first: a streaming model's answers to the clips, of which each is in two pairs.

    Returns:
        kind ("all", "same emotion", "neutral words", "neutral voice") -> who answers (`ANSWERS`,
        and with `first` also `FIRST` and `LIVE`) -> scores, against the pair's emotion.
    """
    labels = model.labels
    logits = {name: np.empty((len(pairs.targets), len(labels))) for name in ANSWERS}
    with torch.inference_mode():
        for members, (batch,) in pairs.batches():
            predictions = model.predictions(batch)
            answers = (model.combined(predictions), predictions.text, predictions.audio)
            for name, values in zip(ANSWERS, answers, strict=True):
                logits[name][members] = values
    given = {name: values.argmax(axis=1) for name, values in logits.items()}
    if first is not None:
        of_pairs = [answer for answer in first for _ in range(2)]
        joint = calibration.probabilities(logits[ANSWERS[0]])
        given[FIRST] = np.array([_best(labels, answer) for answer in of_pairs])
        given[LIVE] = np.array([
            _best(labels, answer and mean_scores(answer, dict(zip(labels, own, strict=True))))
            for answer, own in zip(of_pairs, joint, strict=True)
        ])  # fmt: skip
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
            for name, answers in given.items()
        }
        for kind, chosen in kinds.items()
    }


def _best(labels: tuple[str, ...], scores: dict[str, float] | None) -> int:
    """Index of the best label; -1 where nobody was heard, or for a label that is none of these."""
    best = max(scores, key=scores.get) if scores else None
    return labels.index(best) if best in labels else -1


HEADINGS = {
    "joint": "joint", "text": "text alone", "sound": "sound alone", FIRST: "first estimate",
    LIVE: "mean of both, as published",
}  # fmt: skip


def figures_table(results: dict[str, Any]) -> list[str]:
    """Lines of Markdown: WA and UA of each answer, by part, words heard and kind of pair."""
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
