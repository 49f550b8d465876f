"""Writes the tables and the figure of docs/reliability.md from the results of `make soak`."""

from __future__ import annotations

from benchmarks.figures import draw_hours
from benchmarks.measuring import RESULTS, ROOT, Result, load
from benchmarks.report import replace_block
from ser_stream.files import write_text

PAGE = ROOT / "docs" / "reliability.md"
FIGURE = ROOT / "docs" / "figures" / "soak.png"


def totals(result: Result) -> str:
    """Return the block "soak": what was measured in all."""
    latency = result["latency"]
    return "\n".join(
        [
            "| | |",
            "|---|---|",
            f"| simulated time | {result['hours']:g} h, in {result['took_s'] / 3600:.1f} h |",
            f"| faults | {sum(kind['n'] for kind in result['kinds'].values()):,} |",
            f"| streams, one after the other | {result['streams']:,} |",
            f"| interval estimates | {result['estimates']:,} |",
            f"| their latency: median | {latency['p50_ms']:.1f} ms |",
            f"| their latency: p99 | {latency['p99_ms']:.1f} ms |",
            f"| growth of memory after half an hour | {result['growth_mb_per_hour']} MB/h |",
            f"| memory at the end (RSS) | {result['rss_mb'][-1]:.0f} MB |",
            f"| threads; open files | {_span(result['threads'])}; {_span(result['files'])} |",
        ]
    )


def _span(values: list[int]) -> str:
    lowest, highest = values
    return str(lowest) if lowest == highest else f"{lowest} to {highest}"


def by_kind(result: Result) -> str:
    """Return the block "soak faults": a row for each kind of fault."""
    lines = ["| fault | times | next estimate: median, longest | none |", "|---|---|---|---|"]
    for kind, found in result["kinds"].items():
        times = f"{_seconds(found['median_s'])}, {_seconds(found['longest_s'])}"
        lines.append(f"| {kind} | {found['n']} | {times} | {found['without']} |")
    return "\n".join(lines)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def repeats(result: Result) -> str:
    """Return the block "repeats" of docs/reliability.md."""
    lines = [
        "| fault | times | memory, each time | open files | threads | child processes |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in result["faults"].items():
        changes = " | ".join(
            f"{found['first'][key]} -> {found['last'][key]}"
            for key in ("files", "threads", "children")
        )
        lines.append(f"| {name} | {found['times']} | {found['kb_each']:+.1f} kB | {changes} |")
    return "\n".join(lines)


def privacy(result: Result) -> str:
    """Return the block "privacy": what the kernel was asked for in an hour."""
    sockets = ", ".join(f"{n} of {kind}" for kind, n in result["sockets"].items())
    return "\n".join(
        [
            "| | |",
            "|---|---|",
            f"| time; estimates | {result['minutes']:g} minutes; {result['estimates']:,} |",
            f"| sockets | {sockets or 'none'} |",
            f"| addresses of this machine | {_listed(result['local_addresses'])} |",
            f"| addresses of a network, names resolved | {_listed(result['network_addresses'])} |",
            f"| files opened for writing | {_listed(result['written'])} |",
            f"| files left in the home directory | {_listed(result['files_left'])} |",
        ]
    )


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


BLOCKS = {
    "soak": ("soak", totals),
    "soak faults": ("soak", by_kind),
    "repeats": ("repeats", repeats),
    "privacy": ("privacy", privacy),
}
"""Name of a block on the page -> the result that it shows, and what makes it."""


def main() -> None:
    """Replace the blocks of the page, and draw the figure."""
    content = PAGE.read_text(encoding="utf-8")
    found = {name: load(RESULTS / f"{name}.json") for name in ("soak", "repeats", "privacy")}
    for block, (name, render) in BLOCKS.items():
        content = replace_block(content, block, render(found[name]), command="make soak")
    write_text(PAGE, content)
    soak = found["soak"]
    draw_hours([(minute + 1) / 60 for minute in soak["minute"]], soak, FIGURE)


if __name__ == "__main__":
    main()
