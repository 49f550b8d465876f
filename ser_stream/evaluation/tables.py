"""How tables look on a terminal."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.table import Table


def narrow_table(title: str | None = None) -> Table:
    """A table of as few columns of the terminal as can be, for figures that must not be cut."""
    return Table(title=title, box=SIMPLE, padding=(0, 1, 0, 0), show_edge=False)
