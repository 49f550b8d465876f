"""What the results mean: against targets, and against what the machine could do at best."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.engines import NOW
from benchmarks.measuring import Result
from benchmarks.streams import TARGET_STREAMS
from benchmarks.tables import NOT_MEASURED, Results, number, table

HOPS_PER_S = 2


class Target(NamedTuple):
    """A wanted value.

    Attributes:
        title: what is measured.
        wanted: how the limit reads.
        value: returns the measured value; None where it was not measured.
        met: whether a value is good enough.
        unit: follows the value.
    """

    title: str
    wanted: str
    value: Callable[[Results], float | None]
    met: Callable[[float], bool]
    unit: str = ""


def _first_engine(result: Result) -> Result:
    return next(iter(result["engines"].values()))


def _best_estimate(results: Results) -> Result:
    """Return the times of an estimate with the engine that a robot uses."""
    return next(iter(results["per_hop"]["contestants"].values()))


def _network(results: Results) -> float:
    """Return the median milliseconds of the network of an estimate."""
    return results["per_hop"]["contestants"][f"{NOW}, network alone"]["p50_ms"]


def _times_cheaper(results: Results) -> float:
    large = results["per_hop"]["contestants"]["wav2vec2"]
    return large["p50_ms"] / _best_estimate(results)["p50_ms"]


def _two_cores(results: Results) -> Result:
    return results["streams"]["by_processes"]["2"]


def _memory_of_streams(results: Results) -> float:
    tried = _two_cores(results)["tried"]
    return next(each["pss_mb"] for each in tried if each["streams"] == TARGET_STREAMS)


def _on_gpu(results: Results) -> float | None:
    """Return the largest number of streams on a GPU whose p99 is below 50 ms."""
    result = results["many_streams"]
    if not result["gpu"]:
        return None
    good = [each["streams"] for each in result["streams"] if each["p99_ms"] < 50]
    return max(good, default=0)


TARGETS = (
    Target("one estimate, median", "at most 2.5 ms",
           lambda r: _best_estimate(r)["p50_ms"], lambda v: v <= 2.5, " ms"),
    Target("the same, times cheaper than a network of wav2vec2-base's size", "at least 100",
           _times_cheaper, lambda v: v >= 100),
    Target("last sample to DDS subscriber, p99", "below 25 ms",
           lambda r: _first_engine(r["latency"])["emotion"]["p99_ms"], lambda v: v < 25, " ms"),
    Target("memory of `ser-stream listen` (RSS)", "below 150 MB",
           lambda r: _first_engine(r["listen"])["rss_mb"], lambda v: v < 150, " MB"),
    Target("its start to listening", "at most 1 s",
           lambda r: _first_engine(r["listen"])["listening_s"], lambda v: v <= 1, " s"),
    Target("live streams on two cores with p99 below 100 ms", f"at least {TARGET_STREAMS}",
           lambda r: _two_cores(r)["largest"], lambda v: v >= TARGET_STREAMS),
    Target(f"memory of {TARGET_STREAMS} streams in all (PSS)", "below 1,000 MB",
           _memory_of_streams, lambda v: v < 1000, " MB"),
    Target("growth of memory over ten hours, per hour", "below 1 MB",
           lambda r: r["long"]["growth_mb_per_hour"], lambda v: v < 1, " MB"),
    Target("streams on one H200 with p99 below 50 ms", "at least 5,000",
           _on_gpu, lambda v: v >= 5000),
)  # fmt: skip


def targets(results: Results) -> str:
    """Return the targets with what was measured."""
    rows = []
    for target in TARGETS:
        try:
            value = target.value(results)
        except (KeyError, StopIteration):  # its part was not measured
            value = None
        found = NOT_MEASURED if value is None else f"{number(value)}{target.unit}"
        met = "" if value is None else "yes" if target.met(value) else "no"
        rows.append((target.title, target.wanted, found, met))
    return table(("", "target", "measured", "met"), rows)


def peaks(results: Results) -> str:
    """Return what the machine can do at best, and what the network of `MODEL` needs per hop."""
    found = results["bounds"]
    operations = 2 * (found["encoder_macs"] + found["head_macs"]) / 1e6
    rows = [
        ("float32 operations of one thread", f"{found['peak_gflops']:g} GFLOP/s"),
        ("bytes between core and memory", f"{found['memory_gb_per_s']:g} GB/s"),
        ("bytes between core and cache", f"{found['cache_gb_per_s']:g} GB/s"),
        ("operations of an estimate", f"{operations:,.0f} million"),
        ("operations of a hop's features", f"{found['features_flops'] / 1e6:.2f} million"),
        ("bytes of all weights", f"{found['weights_bytes'] / 1e6:.1f} MB"),
        (
            "bytes of recurrent weights, read for each frame of a hop",
            f"{found['recurrent_bytes'] / 1e6:.0f} MB",
        ),
    ]
    return table(("", "measured or counted"), rows)


def bounds(results: Results) -> str:
    """Return the distance of each figure from its lower bound."""
    rows = []
    for title, parts, compare in COMPARISONS:
        if all(part in results for part in parts):
            measured, bound, unit, meaning = compare(results)
            ratio = bound / measured if unit == "streams" else measured / bound
            rows.append(
                (title, f"{number(measured)} {unit}", f"{number(bound)} {unit}", number(ratio),
                 meaning)
            )  # fmt: skip
    return table(("", "measured", "bound", "times", "the bound is"), rows)


Comparison = tuple[float, float, str, str]
"""Measured value, bound, unit, and what the bound is."""


def _operations_s(found: Result) -> float:
    """Return the seconds of an estimate's operations at peak."""
    return 2 * (found["encoder_macs"] + found["head_macs"]) / (1e9 * found["peak_gflops"])


def _features(results: Results) -> Comparison:
    bound_ms = results["bounds"]["features_flops"] / (1e6 * results["bounds"]["peak_gflops"])
    measured_ms = results["features"]["contestants"]["ser_stream"]["p50_ms"]
    return measured_ms, bound_ms, "ms", "operations at peak"


def _estimate_operations(results: Results) -> Comparison:
    bound_ms = 1e3 * _operations_s(results["bounds"])
    return _network(results), bound_ms, "ms", "operations at peak"


def _estimate_weights(results: Results) -> Comparison:
    found = results["bounds"]
    bound_ms = found["weights_bytes"] / (1e6 * found["memory_gb_per_s"])
    return _network(results), bound_ms, "ms", "weights from memory, once per hop"


def _estimate_recurrent(results: Results) -> Comparison:
    found = results["bounds"]
    bound_ms = found["recurrent_bytes"] / (1e6 * found["cache_gb_per_s"])
    meaning = "recurrent weights from the cache, once per frame"
    return _network(results), bound_ms, "ms", meaning


def _to_subscriber(results: Results) -> Comparison:
    measured_ms = _first_engine(results["latency"])["emotion"]["p50_ms"]
    return (
        measured_ms,
        _best_estimate(results)["p50_ms"],
        "ms",
        "the estimate, in a busy loop",
    )


def _memory(results: Results) -> Comparison:
    found = results["bounds"]
    bound_mb = found["idle_memory"]["rss_mb"] + found["weights_bytes"] / 1e6
    meaning = "Python with the libraries, and the weights"
    return _first_engine(results["listen"])["rss_mb"], bound_mb, "MB", meaning


def _start(results: Results) -> Comparison:
    measured_s = _first_engine(results["listen"])["listening_s"]
    return measured_s, results["bounds"]["idle_start_s"], "s", "Python importing the libraries"


def _first_estimate(results: Results) -> Comparison:
    each = _first_engine(results["listen"])
    bound_s = results["bounds"]["idle_start_s"] + each["sound_before_it_s"]
    return each["first_estimate_s"], bound_s, "s", "the same, and the sound before the estimate"


def _streams(results: Results) -> Comparison:
    bound = 1 / (HOPS_PER_S * _operations_s(results["bounds"]))
    measured = results["streams"]["by_processes"]["1"]["largest"]
    return measured, bound, "streams", "operations of their networks at peak, all speaking"


COMPARISONS: tuple[tuple[str, tuple[str, ...], Callable[[Results], Comparison]], ...] = (
    ("features of a hop", ("bounds", "features"), _features),
    ("network of one estimate", ("bounds", "per_hop"), _estimate_operations),
    ("network of one estimate", ("bounds", "per_hop"), _estimate_weights),
    ("network of one estimate", ("bounds", "per_hop"), _estimate_recurrent),
    ("last sample to DDS subscriber", ("latency", "per_hop"), _to_subscriber),
    ("memory of `ser-stream listen`", ("bounds", "listen"), _memory),
    ("start to listening", ("bounds", "listen"), _start),
    ("start to first estimate", ("bounds", "listen"), _first_estimate),
    ("streams on one core", ("bounds", "streams"), _streams),
)
"""Title, the parts that are compared, and the comparison."""
