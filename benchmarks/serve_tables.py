"""The tables of docs/performance.md about `ser-stream serve`."""

from __future__ import annotations

from benchmarks.measuring import Result
from benchmarks.serve_load import MAX_P99_MS, POOL, UNWATCHED, WATCHED
from benchmarks.tables import Results, number, table, wrapped

PAGE_MINUTES = (1, 5, 10, 15, 20, 25, 30)


def load(results: Results) -> str:
    """Return latency, processor time and memory by the number of streams."""
    result = results["serve_load"]
    titles = {
        POOL: "`StreamPool` alone",
        UNWATCHED: "the service",
        WATCHED: f"the service, {result['n_viewers']} viewers",
    }
    rows = [
        _row(model, each["streams"], title, each[how], each[POOL])
        for model, numbers in result["by_model"].items()
        for each in numbers
        for how, title in titles.items()
    ]
    columns = (
        "model", "streams", "", "p50 ms", "p99 ms", "p99, times the pool's", "windows skipped",
        "cores in use", "memory (PSS), MB",
    )  # fmt: skip
    largest = [
        f"`{model}` {_largest(numbers, how):,} ({titles[how]})"
        for model, numbers in result["by_model"].items()
        for how in titles
    ]
    served = f"The most of these numbers with p99 below {MAX_P99_MS:g} ms: {', '.join(largest)}."
    return f"{table(columns, rows)}\n\n{wrapped(served)}"


def _row(model: str, streams: int, title: str, run: Result, pool: Result) -> tuple[str, ...]:
    cores = run["service_cores"] if "service_cores" in run else run["cpu_cores"]
    return (
        f"`{model}`",
        f"{streams:,}",
        title,
        number(run["p50_ms"]),
        number(run["p99_ms"]),
        number(run["p99_ms"] / pool["p99_ms"]),
        f"{run['skipped']:,}",
        number(cores),
        number(run["pss_mb"]),
    )


def _largest(numbers: list[Result], how: str) -> int:
    """Return the largest number of streams that were served, without a smaller one that was not."""
    largest = 0
    for each in numbers:
        if each[how]["p99_ms"] >= MAX_P99_MS:
            break
        largest = each["streams"]
    return largest


def page(results: Results) -> str:
    """Return the memory of the service and of its page, by the minute of sound."""
    result = results["page_memory"]
    rows = [
        (
            f"{each['minute']}",
            number(each["pss_mb"]),
            f"{each['js_heap_mb']:.2f}",
            f"{each['nodes']:,}",
            f"{each['listeners']}",
            f"{each['turns']}",
        )
        for each in result["minutes"]
        if each["minute"] in PAGE_MINUTES
    ]
    columns = (
        "after minute", "service (PSS), MB", "page's JavaScript heap, MB", "nodes",
        "event listeners", "turns shown",
    )  # fmt: skip
    growth = result["growth"]
    if not growth:
        return table(columns, rows)
    slope = (
        f"Growth per 10 minutes, after the first 10: service {growth['pss_mb']:+.3f} MB, page "
        f"{growth['js_heap_mb']:+.4f} MB."
    )
    return f"{table(columns, rows)}\n\n{slope}"
