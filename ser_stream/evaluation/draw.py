"""Files of the plots of evaluation reports."""

from __future__ import annotations

from pathlib import Path

from ser_stream.emotion import UTTERANCE
from ser_stream.evaluation.condition_plots import NOISE, ROOM, condition_curves
from ser_stream.evaluation.group_plots import accuracy_by_group
from ser_stream.evaluation.metrics import Scores
from ser_stream.evaluation.plots import (
    confusion,
    coverage_curves,
    file_name,
    reliability_diagrams,
    write_figure,
)
from ser_stream.evaluation.report import Report


def draw_evaluation(report: Report, clips: str, folder: Path) -> list[Path]:
    """Write the plots of a model's utterance estimates as PNG files and return their paths.

    MODEL-confusion-CORPUS.png of each corpus, MODEL-coverage.png, MODEL-reliability.png and
    MODEL-groups.png.

    Args:
        report: see `evaluation.report`.
        clips: what was scored, for the captions.

    Raises:
        InputError: a file cannot be written.
    """
    model = report["model"]
    name = file_name(model)
    scores = {entry["title"]: entry[UTTERANCE] for entry in report["corpora"].values()}
    caption = f"{clips}; streamed, one answer per recording, each without earlier recordings"
    paths = [
        write_figure(
            confusion(Scores.from_dict(entry[UTTERANCE]), f"{model}, {entry['title']}", caption),
            folder / f"{name}-confusion-{corpus}",
            "png",
        )
        for corpus, entry in report["corpora"].items()
    ]
    for kind, draw, title in (
        ("coverage", coverage_curves, "coverage and accuracy by confidence"),
        ("reliability", reliability_diagrams, "reliability of the confidence"),
    ):
        figure = draw(scores, f"{model}: {title}", caption)
        paths.append(write_figure(figure, folder / f"{name}-{kind}", "png"))
    figure = accuracy_by_group(report["corpora"], f"{model}: by language, corpus and sex", caption)
    paths.append(write_figure(figure, folder / f"{name}-groups", "png"))
    return paths


def draw_conditions(report: Report, clips: str, folder: Path) -> list[Path]:
    """Write MODEL-conditions.png and return its path; nothing without noise and without rooms.

    Args:
        report: of `evaluation.robustness.evaluate_conditions`.
        clips: what was scored, for the caption.

    Raises:
        InputError: the file cannot be written.
    """
    conditions = report["conditions"]
    if not any(kind.fullmatch(name) for name in conditions for kind in (NOISE, ROOM)):
        return []
    n = sum(each["n"] for each in next(iter(conditions.values())).values())
    caption = f"{clips}, {n} recordings; streamed, one answer per recording, abstaining or not"
    figure = condition_curves(conditions, f"{report['model']}: noise and rooms", caption)
    return [write_figure(figure, folder / f"{file_name(report['model'])}-conditions", "png")]
