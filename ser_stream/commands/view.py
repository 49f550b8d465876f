"""The output of the listening commands to standard output."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ser_stream.standard_streams import reserved_stdout

if TYPE_CHECKING:  # imported in functions: --help must answer at once
    from ser_stream.models.info import ModelInfo
    from ser_stream.outputs.base import Output


@contextlib.contextmanager
def json_view(several_sources: bool) -> Iterator[Output]:
    """Yield an output that prints JSON lines, with the source in each where there are several."""
    from ser_stream.outputs.json_lines import JsonLines

    with reserved_stdout() as file:
        yield JsonLines(file, with_source=several_sources)


@contextlib.contextmanager
def text_view(model: ModelInfo, recorded: str = "") -> Iterator[Output]:
    """Yield an output for people: a live view on a terminal, else lines.

    Args:
        recorded: what is recorded meanwhile, which the live view shows; "" for nothing.
    """
    from rich.console import Console

    from ser_stream.outputs.console import PlainView
    from ser_stream.outputs.live_view import LiveView

    console = Console()
    # Rich calls a file a terminal where FORCE_COLOR is set. A dumb one is not interactive.
    if console.is_interactive and console.file.isatty():
        with LiveView(console, model.labels, model.has_affect, recorded) as live_view:
            yield live_view
    else:
        yield PlainView(console)
