"""The papers' figures of results: confusion matrices, training curves, ablations.

t-SNE maps are in `figures_embedding`, what attention looks at in `figures_attention`. Each function
is given arrays and returns a matplotlib figure that belongs to the caller alone: no pyplot, so no
window, no display and no state that threads would share. `save` writes it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ser_stream.errors import InputError
from ser_stream.evaluation.metrics import Scores

COLOURS = {
    "neutral": "#000000", "calm": "#88CCEE", "happy": "#DDCC77", "excited": "#999933",
    "sad": "#332288", "angry": "#CC6677", "frustrated": "#882255", "fear": "#AA4499",
    "disgust": "#117733", "surprise": "#44AA99",
}  # fmt: skip
"""Emotion -> its colour in every figure: Paul Tol's "muted" scheme (Technical Note SRON/EPS/TN/
09-002), safe for the colour-blind, with black for neutral in place of its pale grey."""

SERIES = [COLOURS[label] for label in ("sad", "angry", "disgust", "happy", "calm", "fear")]
"""Colours of what is no emotion, in their order: runs, ours and the paper's, text and audio."""

LINES = ("-", "--")
"""Of the one or two quantities in a panel of training curves."""

TITLE_CHARACTER_INCHES = 0.1
"""Average width of a character of a title (12 points)."""

NO_ANSWER = "no answer"


def save(figure: Figure, path: str | Path) -> tuple[Path, Path]:
    """Write `path`.png (150 dpi) and `path`.svg, making the folder; returns both paths.

    Raises:
        InputError: they cannot be written.
    """
    png, svg = Path(f"{path}.png"), Path(f"{path}.svg")  # with_suffix would cut "CAT, v1.2"
    try:
        png.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(png, dpi=150)
        figure.savefig(svg)
    except OSError as error:
        raise InputError(f"figure: cannot write {path}: {error.strerror}") from error
    return png, svg


def plain(text: str) -> str:
    """Text that matplotlib shows as it is: two dollars in a transcript are no formula."""
    return text.replace("$", r"\$")


def heading(title: str, width_inches: float) -> str:
    """A title in as many lines as it needs; matplotlib would cut it off."""
    return plain(textwrap.fill(title, int(width_inches / TITLE_CHARACTER_INCHES)))


def series_colours(n: int) -> list[str]:
    """The first n colours of `SERIES`, from the start again where there are more."""
    return [SERIES[i % len(SERIES)] for i in range(n)]


def confusion(scores: Scores, title: str) -> Figure:
    """Confusion matrix, each cell with its share of the row and its count.

    Rows are the labels that occur, columns all labels that may be answered; where some utterances
    got no answer, a last column has them. So a row's shares sum to 100 % and the diagonal is the
    recall.

    Raises:
        InputError: there is no utterance in it.
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
    return figure


def training_curves(runs: Mapping[str, Sequence[Mapping[str, float]]], title: str) -> Figure:
    """Loss and accuracies after each epoch, of one run or of several drawn over each other.

    A run has a colour, a quantity a kind of line.

    Args:
        runs: name -> lines of its metrics.jsonl: epoch, loss, and where they are known
            validation_wa, validation_ua, validation_loss and learning_rate. Of an epoch that was
            trained twice, since the run was interrupted, the last line counts.

    Raises:
        InputError: no run, or a run without lines or with a line that lacks epoch or loss.
    """
    if not runs or not all(runs.values()):
        raise InputError("training curves: found no run or no epochs; accepted are 1 and more")
    required = ("epoch", "loss")
    for name, records in runs.items():
        missing = [key for key in required if any(key not in record for record in records)]
        if missing:
            raise InputError(
                f"training curves: in run {name!r}, found lines without {', '.join(missing)}; "
                f"accepted are lines of metrics.jsonl with {', '.join(required)}"
            )
    panels = {
        "loss (nats)": {"loss": "training", "validation_loss": "validation"},
        "validation accuracy": {"validation_wa": "WA", "validation_ua": "UA"},
        "learning rate": {"learning_rate": "learning rate"},
    }
    known = {key for records in runs.values() for record in records for key in record}
    panels = {name: curves for name, curves in panels.items() if known & curves.keys()}
    width = 0.6 + 4.2 * len(panels)
    figure = Figure((width, 4.0), layout="constrained")
    figure.suptitle(heading(title, width))
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, curves) in zip(grid, panels.items(), strict=True):
        for colour, records in zip(series_colours(len(runs)), runs.values(), strict=True):
            _draw_run(axes, records, curves, colour)
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        if "validation_wa" in curves:
            axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        styles = [
            Line2D([], [], color="0.3", linestyle=line, label=meaning)
            for line, (key, meaning) in zip(LINES, curves.items(), strict=False)
            if key in known
        ]
        if len(curves) > 1:
            axes.legend(handles=styles)
    if len(runs) > 1:
        handles = [
            Line2D([], [], color=colour, label=plain(name))
            for colour, name in zip(series_colours(len(runs)), runs, strict=True)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(runs), 5))
    return figure


def _draw_run(
    axes: Axes, records: Sequence[Mapping[str, float]], curves: Mapping[str, str], colour: str
) -> None:
    by_epoch = {record["epoch"]: record for record in records}
    epochs = sorted(by_epoch)
    for line, key in zip(LINES, curves, strict=False):
        values = [by_epoch[epoch].get(key, np.nan) for epoch in epochs]
        if not np.isnan(values).all():
            # A run of one epoch has no line: a dot shows it.
            marker = "." if len(epochs) == 1 else None
            axes.plot(epochs, values, color=colour, linestyle=line, marker=marker)


def ablation_bars(
    rows: Sequence[str],
    ours: Mapping[str, tuple[float, float]],
    paper: Mapping[str, float | None],
    metric: str,
    title: str,
) -> Figure:
    """A table's rows from top to bottom: our mean and deviation, beside them the paper's figure.

    Args:
        rows: names of all rows, in the table's order.
        ours: row -> mean and standard deviation over runs (0 of a single one), shares in [0, 1];
            rows that were not measured may be missing.
        paper: row -> the paper's figure, a share in [0, 1]; None or missing where it has none.
        metric: what the shares are: "WA", "UA".

    Raises:
        InputError: no figure, one of a row that is not among `rows`, or one outside [0, 1].
    """
    printed = {row: share for row, share in paper.items() if share is not None}
    unknown = sorted((ours.keys() | paper.keys()) - set(rows))
    if unknown:
        raise InputError(f"ablation bars: found {unknown}; accepted are the rows {list(rows)}")
    if not ours and not printed:
        raise InputError("ablation bars: found no figure; accepted are 1 and more, ours or printed")
    for share in [number for pair in ours.values() for number in pair] + list(printed.values()):
        if not 0 <= share <= 1:
            raise InputError(f"ablation bars: found {share}; accepted are shares in [0, 1]")

    figure = Figure((8.5, 1.6 + 0.55 * len(rows)), layout="constrained")
    figure.suptitle(heading(title, 8.5))
    axes = figure.add_subplot()
    at = {row: y for y, row in enumerate(rows)}
    if ours:
        means, deviations = np.array(list(ours.values())).T
        axes.barh(
            [at[row] - 0.1 for row in ours], means, xerr=deviations, height=0.45, capsize=4,
            color=SERIES[4], ecolor="0.2", label="ours, mean and standard deviation",
        )  # fmt: skip
    if printed:
        # Below the bar, whose error bar it would hide.
        axes.plot(
            list(printed.values()), [at[row] + 0.25 for row in printed], "D", color=SERIES[1],
            label="paper",
        )  # fmt: skip
    for row, y in at.items():
        mean, deviation = ours.get(row, (None, 0.0))
        texts = [] if mean is None else [f"{100 * mean:.1f}"]
        if deviation:  # one run has none
            texts[0] += f" ± {100 * deviation:.1f}"
        texts += [f"paper {100 * printed[row]:.1f}"] if row in printed else []
        axes.annotate("\n".join(texts), (1.02, y), xycoords=("axes fraction", "data"), va="center")
    axes.set_yticks(range(len(rows)), [plain(row) for row in rows])
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel=plain(metric))
    axes.set_xlim(0, 1.05 * axes.dataLim.x1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure
