"""Fitting of a calibration to predictions whose true labels are known.

Predictions come in groups, such as those of one corpus, whose recordings are streamed alone or in a
row. All groups have the same weight, however many recordings they hold.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.optimize

from ser_stream.evaluation.predictions import Predictions
from ser_stream.models.calibration import KNOWN_VOICE_S, Calibration, LabelSets, log_softmax

LOG_TEMPERATURE = (-3.0, 3.0)
LOG_RATIO = (0.0, 3.0)
"""Limits of the logarithms of the temperature, and of its ratio for a new voice."""

LABEL_SET_COVERAGE = 0.9
"""Share of the estimates whose set of labels is to hold the true one."""


def fit_calibration(groups: Sequence[Predictions]) -> Calibration:
    """Return the temperatures that minimise the negative log-likelihood of the true labels.

    They are rounded to four digits. Where no voice was known, as without speaker memory, there is
    one temperature.

    Args:
        groups: one at least; none is empty.
    """
    if not any(np.any(group.voice_known_s > 0) for group in groups):
        fitted = scipy.optimize.minimize_scalar(
            lambda value: mean_loss(groups, Calibration(float(np.exp(value)))),
            bounds=LOG_TEMPERATURE, method="bounded",
        )  # fmt: skip
        return Calibration(round(_exp(fitted.x), 4))
    fitted = scipy.optimize.minimize(
        lambda values: mean_loss(groups, _two_temperatures(*values)),
        x0=(0.5, 0.5), bounds=(LOG_TEMPERATURE, LOG_RATIO), method="L-BFGS-B",
    )  # fmt: skip
    known, ratio = fitted.x
    new = round(_exp(known + ratio), 4)
    return Calibration(round(_exp(known), 4), new_voice_temperature=new)


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """Return the one temperature that minimises the negative log-likelihood.

    Args:
        logits: (n, labels).
        targets: (n,) indices of labels.
    """
    zeros = np.zeros(len(targets))
    return fit_calibration([Predictions(logits, targets, zeros, zeros)]).temperature


def _two_temperatures(log_temperature: float, log_ratio: float) -> Calibration:
    new = _exp(log_temperature + log_ratio)
    return Calibration(_exp(log_temperature), new_voice_temperature=new)


def _exp(log_temperature: float) -> float:
    return float(np.exp(log_temperature))


def mean_loss(groups: Sequence[Predictions], calibration: Calibration) -> float:
    """Return the mean negative log-likelihood of the true labels, each group with equal weight."""
    return float(np.mean([_loss(group, calibration) for group in groups]))


def _loss(group: Predictions, calibration: Calibration) -> float:
    divisors = calibration.temperature_after(group.voice_known_s)[..., None]
    log_probabilities = log_softmax(group.logits / divisors)
    return float(-log_probabilities[np.arange(len(group)), group.targets].mean())


def fit_label_sets(
    groups: Sequence[Predictions], calibration: Calibration, coverage: float = LABEL_SET_COVERAGE
) -> LabelSets:
    """Return the thresholds of conformal sets (split conformal prediction).

    If another estimate is exchangeable with those of the groups, its set holds the true label with
    a probability of `coverage` at least. Corpora differ, so that this holds only on average.

    Args:
        calibration: fitted to the groups; its two parameters are too few to spoil the guarantee.
    """
    known: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for group in groups:
        true = group.probabilities(calibration)[np.arange(len(group)), group.targets]
        is_known = group.voice_known_s >= KNOWN_VOICE_S
        for state, members in known.items():
            if np.any(is_known == state):
                members.append(true[is_known == state])
    new_voice, known_voice = (
        _threshold(members, 1 - coverage) if members else 0.0 for members in known.values()
    )
    return LabelSets(coverage, new_voice, known_voice if known[True] else new_voice)


def _threshold(groups: Sequence[np.ndarray], missed: float) -> float:
    """Return the probability that the true label falls below in at most `missed` of new estimates.

    Args:
        groups: (n,) probabilities of the true labels; each group has the same weight.
    """
    n = sum(map(len, groups))
    values = np.concatenate(groups)
    weights = np.concatenate(
        [np.full(len(group), n / len(groups) / len(group)) for group in groups]
    )
    order = np.argsort(values, kind="stable")
    # The new estimate is one more, so that the share refers to n + 1 (Vovk, 2005).
    below = np.searchsorted(np.cumsum(weights[order]), missed * (n + 1) + 1e-9, side="right")
    if below == 0:
        return 0.0
    # Rounded down, to four digits: a label too many costs less than the true one.
    return float(np.floor(1e4 * values[order[below - 1]]) / 1e4)


def fit_floor(groups: Sequence[Predictions], calibration: Calibration, right: float) -> float:
    """Return the least confidence floor at which this share of the answers is right.

    Each group has the same weight. Without such a floor, it is the one with the largest share.

    Args:
        right: share of the answers that do not abstain that is to be right.
    """
    confidence, correct, weights = [], [], []
    for group in groups:
        probabilities = group.probabilities(calibration)
        confidence.append(probabilities.max(axis=1))
        correct.append(probabilities.argmax(axis=1) == group.targets)
        weights.append(np.full(len(group), 1 / len(group)))
    floors = np.arange(0, 100) / 100
    all_confidence, all_correct, all_weights = map(np.concatenate, (confidence, correct, weights))
    shares = np.array(
        [_share_right(all_confidence, all_correct, all_weights, floor) for floor in floors]
    )
    reached = np.flatnonzero(shares >= right)
    return float(floors[reached[0] if len(reached) else np.nanargmax(shares)])


def _share_right(
    confidence: np.ndarray, correct: np.ndarray, weights: np.ndarray, floor: float
) -> float:
    answered = confidence >= floor
    return float(np.average(correct[answered], weights=weights[answered])) if answered.any() else -1
