"""What is drawn in matplotlib figures, for tests."""

from __future__ import annotations


def cells(axes) -> dict[tuple[str, str], str]:
    """(row, column), both as labelled -> text of the cell."""
    rows, columns = texts(axes.get_yticklabels()), texts(axes.get_xticklabels())
    return {(rows[y], columns[x]): t.get_text() for t in axes.texts for x, y in [t.get_position()]}


def texts(artists) -> list[str]:
    return [artist.get_text() for artist in artists]


def panel(figure, name: str):
    """The axes whose y label starts with that."""
    return next(axes for axes in figure.axes if axes.get_ylabel().startswith(name))
