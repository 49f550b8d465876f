"""Plots of evaluations: confusion matrix, coverage against confidence, reliability diagram.

Each function returns a matplotlib figure that belongs to the caller alone. pyplot is not used: it
needs a display and keeps state that threads would share. The colours and helpers are shared with
the plots of the papers' experiments, `ser_stream.papers.*_plots`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ser_stream.colours import COLOURS
from ser_stream.errors import InputError
from ser_stream.evaluation.confidence import HISTOGRAM_BINS
from ser_stream.evaluation.metrics import Scores, wilson_interval
from ser_stream.evaluation.report import EstimateScores
from ser_stream.files import replacing

SERIES = [COLOURS[label] for label in ("sad", "angry", "disgust", "happy", "calm", "fear")]
"""Colours of series that are not emotions, in this order: corpora, runs, text and audio."""

TITLE_CHARACTER_INCHES = 0.1
"""Average width of a character of a title (12 points)."""

CAPTION_CHARACTER_INCHES = 0.062
"""Average width of a character of a caption (8 points)."""

MARKERS = "osD^vXP*"
"""Markers of series, for print without colours."""

NO_ANSWER = "no answer"


def save(figure: Figure, path: str | Path) -> tuple[Path, Path]:
    """Write `path`.png (150 dpi) and `path`.svg, make their folder, and return both paths.

    Raises:
        InputError: a file cannot be written.
    """
    return write_figure(figure, path, "png"), write_figure(figure, path, "svg")


def write_figure(figure: Figure, path: str | Path, kind: str) -> Path:
    """Write `path`.`kind`, make its folder, and return its path.

    Raises:
        InputError: the file cannot be written.
    """
    file = Path(f"{path}.{kind}")  # with_suffix would cut "CAT, v1.2"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as content:
            figure.savefig(content, dpi=150, format=kind)
    except OSError as error:
        raise InputError(f"figure: cannot write {path}: {error.strerror}") from error
    return file


def plain(text: str) -> str:
    """Return the text with its dollar signs escaped; matplotlib sets formulas between them."""
    return text.replace("$", r"\$")


def heading(title: str, width_inches: float) -> str:
    """Return a title broken into lines that fit the width; matplotlib would cut it off."""
    return plain(textwrap.fill(title, int(width_inches / TITLE_CHARACTER_INCHES)))


def series_colours(n: int) -> list[str]:
    """Return n colours of `SERIES`, from the start again when they run out."""
    return [SERIES[i % len(SERIES)] for i in range(n)]


def confusion(scores: Scores, title: str, caption: str = "") -> Figure:
    """Plot a confusion matrix, each cell with its share of the row and its count.

    Rows are the labels that occur, columns all labels that can be predicted. Utterances in which
    no speech was found, if any, are in a last column. So a row's shares sum to 100 %, and the
    diagonal has the recalls.

    Args:
        caption: protocol of the evaluation, in small print below.

    Raises:
        InputError: the matrix is empty.
    """
    if scores.n == 0:
        raise InputError("confusion: found no utterance; accepted are 1 and more")
    occurs = np.flatnonzero(scores.counts)
    counts, columns = scores.confusion, list(scores.labels)
    if scores.no_speech.any():
        counts = np.column_stack([counts, scores.no_speech])
        columns.append(NO_ANSWER)
    counts = counts[occurs]
    shares = counts / counts.sum(axis=1, keepdims=True)

    width = max(4.2, 2.6 + 0.85 * len(columns))
    figure = Figure((width, 2.0 + 0.7 * len(occurs)), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        text = f"{share:.0%}\n{counts[row, column]}".replace("%", " %")
        colour = "white" if share > 0.6 else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour)
    axes.set_xticks(range(len(columns)), columns, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(occurs)), [scores.labels[label] for label in occurs])
    axes.set_xlabel("recognised")
    axes.set_ylabel("true emotion")
    figure.suptitle(
        f"{heading(title, width)}\nWA {100 * scores.wa:.1f} %, UA {100 * scores.ua:.1f} %, "
        f"{scores.n} utterances"
    )
    figure.colorbar(image, format=PercentFormatter(1, symbol=" %"), label="share of true emotion")
    add_caption(figure, caption)
    return figure


def add_caption(figure: Figure, caption: str) -> None:
    """Put the protocol of the evaluation in small print below the figure."""
    if caption:
        width = int(figure.get_size_inches()[0] / CAPTION_CHARACTER_INCHES)
        figure.supxlabel(plain(textwrap.fill(caption, width)), fontsize=8, color="0.35")


def coverage_curves(scores: Mapping[str, EstimateScores], title: str, caption: str = "") -> Figure:
    """Plot coverage against the confidence floor, and accuracy against coverage.

    Coverage is the share of the utterances whose confidence reaches the floor.

    Args:
        scores: title of each corpus -> its scores with `coverage`, see `evaluation.report`.
        caption: protocol of the evaluation, in small print below.
    """
    figure = Figure((9.0, 4.6), layout="constrained")
    figure.suptitle(heading(title, 9.0))
    against_floor, against_coverage = figure.subplots(1, 2)
    series = zip(series_colours(len(scores)), MARKERS, scores.items(), strict=False)
    for colour, marker, (name, entry) in series:
        points = entry["coverage"]
        floors, answered, wa = (
            [point[key] for point in points] for key in ("floor", "answered", "wa")
        )
        label = plain(f"{name} (n = {entry['n']})")
        style = {"color": colour, "marker": marker, "markersize": 5, "label": label}
        against_floor.plot(floors, answered, **style)
        against_coverage.plot(answered, wa, **style)
    against_floor.set(xlabel="confidence floor", ylabel="coverage: share of utterances answered")
    against_coverage.set(xlabel="coverage", ylabel="WA of the answered utterances")
    for axes in (against_floor, against_coverage):
        _percent_axes(axes)
        axes.grid(alpha=0.3)
    against_coverage.legend(loc="best", frameon=False)  # few clips: a curve may go anywhere
    add_caption(figure, caption)
    return figure


def reliability_diagrams(
    scores: Mapping[str, EstimateScores], title: str, caption: str = ""
) -> Figure:
    """Plot accuracy against confidence and the histogram of confidence, a column per corpus.

    On the dotted diagonal confidence is as high as accuracy. Error bars are Wilson's 95 %
    intervals.

    Args:
        scores: title of each corpus -> its scores with `reliability` and `histogram`, see
            `evaluation.report`.
        caption: protocol of the evaluation, in small print below.
    """
    width = max(4.6, 3.4 * len(scores))
    figure = Figure((width, 5.2), layout="constrained")
    figure.suptitle(heading(title, width))
    grid = figure.subplots(
        2, len(scores), squeeze=False, sharex=True, sharey="row", height_ratios=(3, 1)
    )
    for column, colour, (name, entry) in zip(
        grid.T, series_colours(len(scores)), scores.items(), strict=True
    ):
        _draw_reliability(column[0], column[1], entry, colour)
        column[0].set_title(
            plain(f"{name}, n = {entry['n']}\nECE {100 * entry['calibration_error']:.1f} %"),
            fontsize=10,
        )
    grid[0, 0].set_ylabel("accuracy")
    grid[1, 0].set_ylabel("utterances")
    add_caption(figure, caption)
    return figure


def _draw_reliability(above: Axes, below: Axes, scores: EstimateScores, colour: str) -> None:
    bins = scores["reliability"]
    confidence, accuracy, n = (
        np.array([each[key] for each in bins]) for key in ("confidence", "accuracy", "n")
    )
    intervals = [
        wilson_interval(round(share * count), int(count))
        for share, count in zip(accuracy, n, strict=True)
    ]
    low, high = np.array(intervals).T
    errors = np.maximum([accuracy - low, high - accuracy], 0)
    above.plot([0, 1], [0, 1], color="0.3", linestyle=":")
    above.errorbar(
        confidence, accuracy, errors, color=colour, marker="o", markersize=5, capsize=2,
        elinewidth=0.8,
    )  # fmt: skip
    _percent_axes(above)
    above.grid(alpha=0.3)
    centres = (np.arange(HISTOGRAM_BINS) + 0.5) / HISTOGRAM_BINS
    below.bar(centres, scores["histogram"], width=0.8 / HISTOGRAM_BINS, color=colour)
    below.set(xlabel="confidence")
    below.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    below.spines[["top", "right"]].set_visible(False)


def _percent_axes(axes: Axes) -> None:
    """Show 0 to 100 % on both axes."""
    percent_axis(axes)
    percent_axis(axes, vertical=False)


def percent_axis(axes: Axes, vertical: bool = True) -> None:
    """Show 0 to 100 % on one axis, without a frame above and on the right."""
    axis = axes.yaxis if vertical else axes.xaxis
    (axes.set_ylim if vertical else axes.set_xlim)(-0.02, 1.02)
    axis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.spines[["top", "right"]].set_visible(False)


def file_name(model: str) -> str:
    """Return a model's name for file names; a checkpoint of a model hub is called OWNER/NAME."""
    return re.sub(r"[^\w.-]+", "-", model)
