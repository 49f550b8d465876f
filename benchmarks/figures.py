"""The figures of docs/performance.md."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.measuring import Result
from benchmarks.tables import Results
from ser_stream.files import replacing

MEMORY, LATENCY, TAIL = "tab:blue", "tab:orange", "tab:red"


def draw_ten_hours(result: Result, path: Path) -> None:
    """Draw memory and latency of the long stream over time."""
    draw_hours([(minute + 1) / 60 for minute in range(result["minutes"])], result, path)


def draw_hours(hours: list[float], result: Result, path: Path) -> None:
    """Draw `rss_mb`, `p50_ms` and `p99_ms` of a result over the hours of sound."""
    figure, (top, bottom) = plt.subplots(2, 1, sharex=True, figsize=(8, 5))
    top.plot(hours, result["rss_mb"], color=MEMORY)
    top.set_ylabel("resident memory (MB)")
    top.set_ylim(0, 1.2 * max(result["rss_mb"]))
    for name, colour in (("p50_ms", LATENCY), ("p99_ms", TAIL)):
        values = [float("nan") if ms is None else ms for ms in result[name]]
        bottom.plot(hours, values, color=colour, label=name.removesuffix("_ms"), linewidth=0.8)
    bottom.set_ylabel("latency of a minute (ms)")
    bottom.set_xlabel("hours of sound")
    bottom.set_ylim(bottom=0)
    bottom.legend(loc="upper right")
    _save(figure, path)


def draw_scaling(results: Results, path: Path) -> None:
    """Draw how the cost changes with window, hop and number of streams."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.2))
    if "scaling" in results:
        _draw_windows(axes[0], results["scaling"]["windows"])
        _draw_hops(axes[1], results["scaling"]["hops"])
    if "streams" in results:
        _draw_streams(axes[2], results["streams"]["by_processes"])
    _save(figure, path)


def _draw_windows(axes: Axes, windows: list[Result]) -> None:
    lengths = [each["window_s"] for each in windows]
    for name, title in (("streamed", "ser_stream"), ("whole", "whole window")):
        axes.plot(lengths, [each[name]["p50_ms"] for each in windows], "o-", label=title)
    axes.set(xlabel="window (s)", ylabel="one estimate, median (ms)")
    axes.set_ylim(bottom=0)
    axes.legend()


def _draw_hops(axes: Axes, hops: list[Result]) -> None:
    shares = [100 * each["share_of_core"] for each in hops]
    axes.plot([each["hop_s"] for each in hops], shares, "o-")
    axes.set(xlabel="hop (s)", ylabel="share of a core (%)")
    axes.set_ylim(0, 1.1 * max(shares))


def _draw_streams(axes: Axes, by_processes: Result) -> None:
    for processes, found in by_processes.items():
        tried = found["tried"]
        label = f"{processes} process" + ("" if processes == "1" else "es")
        counts, times = ([each[name] for each in tried] for name in ("streams", "p99_ms"))
        axes.plot(counts, times, "o-", label=label)
    axes.axhline(100, color="grey", linestyle=":")
    axes.set(xlabel="streams", ylabel="p99 (ms)", yscale="log")
    axes.legend()


def _save(figure: plt.Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    with replacing(path) as file:
        # The same data, the same file.
        figure.savefig(file, dpi=100, format="png", metadata={"Software": None})
    plt.close(figure)
