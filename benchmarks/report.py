"""Writes the tables and figures of docs/performance.md from the parts' JSON files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from benchmarks import comparisons, serve_tables, tables
from benchmarks.figures import draw_scaling, draw_ten_hours
from benchmarks.measuring import ROOT, load
from benchmarks.tables import NOT_MEASURED, Results
from ser_stream.files import write_text

PAGE = ROOT / "docs" / "performance.md"
FIGURES = ROOT / "docs" / "figures"

BLOCKS: dict[str, tuple[str | None, Callable[[Results], str]]] = {
    "targets": (None, comparisons.targets),
    "machine": (None, tables.machine),
    "per hop": ("per_hop", tables.per_hop),
    "features": ("features", tables.features),
    "latency": ("latency", tables.latency),
    "listen": ("listen", tables.listen),
    "streams": ("streams", tables.streams),
    "windows": ("scaling", tables.windows),
    "hops": ("scaling", tables.hops),
    "long": ("long", tables.long),
    "many streams": ("many_streams", tables.many_streams),
    "serve": ("serve_load", serve_tables.load),
    "page": ("page_memory", serve_tables.page),
    "environment": ("environment", tables.environment),
    "peaks": ("bounds", comparisons.peaks),
    "bounds": (None, comparisons.bounds),
    "profile": ("profiling", tables.profile),
}
"""Name of a block on the page -> the part that it shows, None for several, and what makes it."""


def write_report(folder: Path, page: Path, figures: Path) -> None:
    """Replace the blocks of a page, and draw the figures.

    Args:
        folder: holds the parts' JSON files.
        page: has a line `<!-- make bench: NAME -->` and a line `<!-- end -->` for each block.
        figures: folder of the figures.

    Raises:
        SystemExit: a block has no place on the page.
    """
    found = {path.stem: load(path) for path in sorted(folder.glob("*.json"))}
    reasons = {part: result["skipped"] for part, result in found.items() if "skipped" in result}
    measured = {part: result for part, result in found.items() if part not in reasons}
    content = page.read_text(encoding="utf-8")
    for name, (part, render) in BLOCKS.items():
        if part is None or part in measured:
            text = render(measured)
        else:
            text = f"Not measured: {reasons[part]}." if part in reasons else f"({NOT_MEASURED})"
        content = replace_block(content, name, text)
    write_text(page, content)
    if "long" in measured:
        draw_ten_hours(measured["long"], figures / "ten_hours.png")
    if measured.keys() & {"scaling", "streams"}:
        draw_scaling(measured, figures / "scaling.png")


def replace_block(content: str, name: str, text: str, command: str = "make bench") -> str:
    """Return a page's content with the text of one block replaced.

    Args:
        command: what measures the block, which its marker names.

    Raises:
        SystemExit: the page does not have the block once.
    """
    block = re.compile(rf"(<!-- {command}: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if len(block.findall(content)) != 1:
        raise SystemExit(
            f"found {len(block.findall(content))} places for {name}; one is needed, a line "
            f"'<!-- {command}: {name} -->' and a line '<!-- end -->'"
        )
    return block.sub(lambda match: f"{match[1]}{text}\n{match[2]}", content)
