"""Predictions of one model for the recordings of one corpus, and their scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ser_stream.corpora.base import Utterance
from ser_stream.emotion import INTERVAL, UTTERANCE, merge_label
from ser_stream.errors import InputError
from ser_stream.evaluation.metrics import (
    calibration_error,
    coverage,
    reliability,
    score,
    score_answers,
    ua_interval,
    wilson_interval,
)
from ser_stream.evaluation.report import EstimateScores
from ser_stream.models.info import ModelInfo
from ser_stream.stream.window import TurnEnd, Window


class LabelProjection:
    """Probabilities of a model's labels, as probabilities of the labels that are scored.

    A model's label counts as the scored label that `merge_label` maps it onto. Labels without a
    counterpart are dropped, and the others renormalised.

    Raises:
        InputError: no label of the model has a counterpart.
    """

    def __init__(self, model_labels: Sequence[str], scored_labels: Sequence[str]):
        self.labels = tuple(scored_labels)
        self._is_identity = tuple(model_labels) == self.labels
        self._matrix = np.zeros((len(model_labels), len(self.labels)))
        for row, label in enumerate(model_labels):
            merged = merge_label(label, self.labels)
            if merged is not None:
                self._matrix[row, self.labels.index(merged)] = 1.0
        if not self._matrix.any():
            raise InputError(
                f"labels: found {', '.join(model_labels)}; none of them is among the scored ones, "
                f"{', '.join(self.labels)}"
            )

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the probabilities of the scored labels from those of the model's labels."""
        if self._is_identity:
            return probabilities
        kept = np.maximum(probabilities @ self._matrix, 1e-12)
        return kept / kept.sum()


class StreamedPredictions:
    """Calibrated estimates of streamed recordings, with the true labels.

    Args:
        info: of the model that made the estimates.
        labels: that are scored; None: the model's.
    """

    def __init__(self, info: ModelInfo, labels: Sequence[str] | None = None):
        self._calibration = info.calibration
        self._project = LabelProjection(info.labels, labels or info.labels)
        self._probabilities: dict[str, list[np.ndarray]] = {INTERVAL: [], UTTERANCE: []}
        self._truths: dict[str, list[int]] = {INTERVAL: [], UTTERANCE: []}
        self._no_speech = np.zeros(len(self.labels), np.int64)
        self._by_sex: list[tuple[str, int, int]] = []  # sex, true label, predicted label or -1

    @property
    def labels(self) -> tuple[str, ...]:
        return self._project.labels

    @property
    def n(self) -> int:
        """Number of recordings that were added."""
        return len(self._by_sex)

    def add(
        self, utterance: Utterance, windows: list[Window | TurnEnd], logits: list[np.ndarray]
    ) -> None:
        """Add the windows of a recording, in order, each with the model's logits (labels,)."""
        truth = self.labels.index(utterance.label)
        turns = []
        for window, values in zip(windows, logits, strict=True):
            probabilities = self._project(self._calibration[window.trigger].probabilities(values))
            if window.trigger == UTTERANCE:
                turns.append((window.speech_s, probabilities))
            else:
                self._probabilities[INTERVAL].append(probabilities)
                self._truths[INTERVAL].append(truth)
        if not turns:
            self._no_speech[truth] += 1
            self._by_sex.append((utterance.gender, truth, -1))
            return
        # The longest turn stands for a recording with several.
        estimate = max(turns, key=lambda turn: turn[0])[1]
        self._probabilities[UTTERANCE].append(estimate)
        self._truths[UTTERANCE].append(truth)
        self._by_sex.append((utterance.gender, truth, int(estimate.argmax())))

    def has(self, trigger: str) -> bool:
        """Return whether there is an estimate of that trigger."""
        return bool(self._truths[trigger])

    def scores(self, trigger: str) -> EstimateScores:
        """Return the scores of the estimates of a trigger, see `evaluation.report`.

        Raises:
            InputError: there is no such estimate.
        """
        if not self.has(trigger):
            raise InputError(
                f"there is no {trigger} estimate to score: the recordings hold too little speech; "
                "a second or more is needed"
            )
        probabilities = np.array(self._probabilities[trigger])
        truth = np.array(self._truths[trigger])
        predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
        right, answered = predicted == truth, confidence >= self._calibration[trigger].floor
        unanswered = self._no_speech if trigger == UTTERANCE else None
        scores = score(self.labels, truth, predicted, unanswered)
        result = scores.to_dict()
        if trigger == UTTERANCE:
            result["wa_ci95"] = _rounded(wilson_interval(int(np.trace(scores.confusion)), scores.n))
            result["ua_ci95"] = _rounded(ua_interval(scores))
        bins = reliability(confidence, right)
        return {
            **result,
            "calibration_error": round(calibration_error(confidence, right), 4),
            "answered": round(float(answered.mean()), 4),
            "wa_answered": round(float(right[answered].mean()), 4) if answered.any() else None,
            "coverage": coverage(confidence, right),
            "reliability": [{name: round(v, 4) for name, v in each.items()} for each in bins],
        }

    @property
    def answers(self) -> list[tuple[str, int, int]]:
        """Sex of the speaker, true label and answer of each recording; -1 where none was given."""
        return self._by_sex

    def scores_by_sex(self) -> dict[str, EstimateScores]:
        """Return "f", "m" -> n, wa, ua of the utterance estimates, where the sex is known."""
        result = {}
        for sex in sorted({sex for sex, _, _ in self._by_sex} - {""}):
            pairs = [(truth, answer) for known, truth, answer in self._by_sex if known == sex]
            truth, answers = np.array(pairs).T
            scores = score_answers(self.labels, truth, answers)
            result[sex] = {"n": scores.n, "wa": round(scores.wa, 4), "ua": round(scores.ua, 4)}
        return result


def _rounded(interval: tuple[float, float]) -> list[float]:
    return [round(end, 4) for end in interval]
