"""Predictions of one model for the recordings of one corpus, and their scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ser_stream.corpora.base import Utterance
from ser_stream.emotion import INTERVAL, UTTERANCE, merge_label
from ser_stream.errors import InputError
from ser_stream.evaluation.confidence import confidence_scores
from ser_stream.evaluation.metrics import score, score_answers, ua_interval, wilson_interval
from ser_stream.evaluation.report import EstimateScores
from ser_stream.models.calibration import Calibration
from ser_stream.models.info import ModelInfo
from ser_stream.stream.scoring import ScoredPart
from ser_stream.stream.window import TurnEnd, Window
from ser_stream.units import Seconds


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
        """Return the probabilities (..., scored labels) of the model's (..., model's labels)."""
        if self._is_identity:
            return probabilities
        kept = np.maximum(probabilities @ self._matrix, 1e-12)
        return kept / kept.sum(axis=-1, keepdims=True)


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Estimates of one trigger before calibration, one row each, with the true labels.

    Attributes:
        logits: (n, model's labels) see `ScoredPart`.
        targets: (n,) indices of the true labels among the scored ones.
        voice_known_s: (n,) seconds of the speaker memory, see `ScoredPart`.
        speech_s: (n,) seconds of speech in the window or turn.
    """

    logits: np.ndarray
    targets: np.ndarray
    voice_known_s: np.ndarray
    speech_s: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    def probabilities(self, calibration: Calibration) -> np.ndarray:
        """Return the calibrated probabilities (n, model's labels)."""
        return calibration.probabilities(self.logits, self.voice_known_s)


class StreamedPredictions:
    """Estimates of streamed recordings, with the true labels.

    Args:
        info: of the model that made the estimates.
        labels: that are scored; None: the model's.
    """

    def __init__(self, info: ModelInfo, labels: Sequence[str] | None = None):
        self._calibration = info.calibration
        self._project = LabelProjection(info.labels, labels or info.labels)
        self._rows: dict[str, list[_Row]] = {INTERVAL: [], UTTERANCE: []}
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
        self, utterance: Utterance, windows: list[Window | TurnEnd], outputs: list[ScoredPart]
    ) -> None:
        """Add the windows of a recording, in order, each with the network's outputs."""
        truth = self.labels.index(utterance.label)
        turns: list[_Row] = []
        for window, values in zip(windows, outputs, strict=True):
            row = _Row(values.logits, truth, values.voice_known_s, window.speech_s)
            (turns if window.trigger == UTTERANCE else self._rows[INTERVAL]).append(row)
        if not turns:
            self._no_speech[truth] += 1
            self._by_sex.append((utterance.gender, truth, -1))
            return
        # The longest turn stands for a recording with several.
        turn = max(turns, key=lambda turn: turn.speech_s)
        self._rows[UTTERANCE].append(turn)
        calibrated = self._calibration[UTTERANCE].probabilities(turn.logits, turn.voice_known_s)
        answer = int(self._project(calibrated).argmax())
        self._by_sex.append((utterance.gender, truth, answer))

    def has(self, trigger: str) -> bool:
        """Return whether there is an estimate of that trigger."""
        return bool(self._rows[trigger])

    def predictions(self, trigger: str) -> Predictions:
        """Return all estimates of a trigger before calibration; there is one at least."""
        logits, targets, known_s, speech_s = zip(*self._rows[trigger], strict=True)
        return Predictions(
            np.array(logits, np.float64),
            np.array(targets, np.int64),
            np.array(known_s, np.float64),
            np.array(speech_s, np.float64),
        )

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
        found, calibration = self.predictions(trigger), self._calibration[trigger]
        probabilities = self._project(found.probabilities(calibration))
        predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
        unanswered = self._no_speech if trigger == UTTERANCE else None
        scores = score(self.labels, found.targets, predicted, unanswered)
        result = scores.to_dict()
        if trigger == UTTERANCE:
            result["wa_ci95"] = _rounded(wilson_interval(int(np.trace(scores.confusion)), scores.n))
            result["ua_ci95"] = _rounded(ua_interval(scores))
        return {
            **result,
            **confidence_scores(confidence, predicted == found.targets, calibration.floor),
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


class _Row(NamedTuple):
    """One estimate; the fields are those of `Predictions`."""

    logits: np.ndarray
    target: int
    voice_known_s: Seconds
    speech_s: Seconds


def _rounded(interval: tuple[float, float]) -> list[float]:
    return [round(end, 4) for end in interval]
