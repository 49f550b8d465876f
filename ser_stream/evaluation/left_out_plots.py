"""Plots of the confidence on corpora that were left out of training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ser_stream.emotion import UTTERANCE
from ser_stream.evaluation.plots import coverage_curves, reliability_diagrams, save
from ser_stream.evaluation.stored_predictions import CONDITIONS

CAPTION = "the network and its calibration were fitted to the other corpora; one answer per turn"


def draw_left_out(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Plot coverage and reliability of the estimates of turns, and return the PNG files.

    left-out-coverage-CONDITION and left-out-reliability-CONDITION, as PNG and SVG, for recordings
    alone and in a row.

    Args:
        report: of `ser_stream.training.left_out.score_left_out`.

    Raises:
        InputError: a file cannot be written.
    """
    paths = []
    for condition in CONDITIONS:
        scores = {
            corpus: triggers[UTTERANCE]["conditions"][condition]
            for corpus, triggers in report.items()
            if condition in triggers[UTTERANCE]["conditions"]
        }
        if not scores:
            continue
        for kind, draw in (("coverage", coverage_curves), ("reliability", reliability_diagrams)):
            figure = draw(scores, f"Corpora never heard, recordings {condition}: {kind}", CAPTION)
            name = f"left-out-{kind}-{condition.replace(' ', '-')}"
            paths.append(save(figure, folder / name)[0])
    return paths
