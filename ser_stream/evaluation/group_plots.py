"""Plot of the accuracy by language, corpus and sex."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ser_stream.corpora.registry import CORPORA
from ser_stream.emotion import UTTERANCE
from ser_stream.evaluation.plots import (
    MARKERS,
    add_caption,
    heading,
    percent_axis,
    plain,
    series_colours,
)
from ser_stream.evaluation.report import EstimateScores
from ser_stream.evaluation.streamed import IN_A_ROW

SEXES = {"f": "women", "m": "men"}


def accuracy_by_group(
    corpora: Mapping[str, EstimateScores], title: str, caption: str = ""
) -> Figure:
    """Plot UA of each corpus, which its language stands beside, alone, in a row, and by sex.

    Error bars are the 95 % intervals of the recordings alone and in a row.

    Args:
        corpora: those of a report, see `evaluation.report`.
        caption: protocol of the evaluation, in small print below.
    """
    figure = Figure((8.0, 1.8 + 0.7 * len(corpora)), layout="constrained")
    figure.suptitle(heading(title, 8.0))
    axes = figure.add_subplot()
    series: dict[str, list[tuple[int, float, tuple[float, float]]]] = {}
    for row, entry in enumerate(corpora.values()):
        for name, ua, ends in _values(entry):
            series.setdefault(name, []).append((row, ua, ends))
    for number, (colour, marker) in enumerate(
        zip(series_colours(len(series)), MARKERS, strict=False)
    ):
        name = list(series)[number]
        offset = 0.16 * (number - (len(series) - 1) / 2)
        _draw(axes, name, series[name], offset, colour, marker)
    names = [_with_language(corpus, entry["title"]) for corpus, entry in corpora.items()]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("UA")
    percent_axis(axes, vertical=False)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    add_caption(figure, caption)
    return figure


def _values(entry: EstimateScores) -> Iterator[tuple[str, float, tuple[float, float]]]:
    """Yield name, UA and the ends of its interval of each way to score a corpus."""
    for name, key in (("alone", UTTERANCE), (IN_A_ROW, IN_A_ROW)):
        if key in entry:
            low, high = entry[key]["ua_ci95"]
            yield name, entry[key]["ua"], (low, high)
    by_sex = entry["by_sex"]
    for sex, name in SEXES.items():
        if sex in by_sex:
            ua = by_sex[sex]["ua"]
            yield f"{name}, alone", ua, (ua, ua)


def _draw(
    axes: Axes,
    name: str,
    points: list[tuple[int, float, tuple[float, float]]],
    offset: float,
    colour: str,
    marker: str,
) -> None:
    rows, values = np.array([(row, ua) for row, ua, _ in points]).T
    ends = np.array([ends for *_, ends in points]).T
    errors = np.maximum([values - ends[0], ends[1] - values], 0)
    axes.errorbar(
        values, rows + offset, xerr=errors, color=colour, marker=marker, markersize=6, linestyle="",
        capsize=2, elinewidth=0.8, label=name,
    )  # fmt: skip


def _with_language(corpus: str, title: str) -> str:
    """Return the name of a corpus and, below it, its kind of speech and language."""
    if corpus not in CORPORA:
        return plain(title)
    return plain(f"{title}\n{CORPORA[corpus].speech.rpartition(', ')[2]}")
