"""What several commands share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ser_stream.errors import InputError


def print_error(error: InputError) -> None:
    """Tell on stderr why input cannot be used."""
    print(f"ser-stream: error: {error}", file=sys.stderr)


def show_tables(markdown: str) -> None:
    """Print Markdown: on a terminal with its tables drawn, elsewhere as it is."""
    from rich.console import Console

    from ser_stream.evaluation.tables import narrow_table

    console = Console()
    if not console.is_terminal:
        print(markdown)
        return
    table = None
    for line in [*markdown.splitlines(), ""]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            if table is not None:
                console.print(table)
                table = None
            console.print(line, highlight=False)
        elif table is None:
            table = narrow_table()
            for i, name in enumerate(cells):
                table.add_column(name.replace(" ", "\n"), justify="right" if i else "left")
        elif line.strip("|-"):
            table.add_row(*cells)


def add_corpora(parser: argparse.ArgumentParser, needed: bool = True) -> None:
    """Add --corpora."""
    parser.add_argument(
        "--corpora", type=Path, required=needed, metavar="DIR",
        help="folder that holds each corpus in a folder of its name, such as ravdess/",
    )  # fmt: skip


def add_held_out(parser: argparse.ArgumentParser) -> None:
    """Add what names held-out speakers: --recipe, --corpora and --part."""
    parser.add_argument("--recipe", type=Path, required=True, help="whose speakers are held out")
    add_corpora(parser)
    parser.add_argument("--part", choices=("validation", "test"), default="test")


def add_clips(parser: argparse.ArgumentParser) -> None:
    """Add --clips: how many of each corpus are scored."""
    parser.add_argument("--clips", type=_count, metavar="N", help="of each corpus; default: all")


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"found {text!r}; accepted is a whole number from 1")
    return int(text)


def add_training(parser: argparse.ArgumentParser, corpora_needed: bool = True) -> None:
    """Add what all training takes."""
    add_corpora(parser, corpora_needed)
    parser.add_argument(
        "--on", nargs="+", default=[], metavar="NAME",
        help="settings that go over an experiment's: files of config/recipes/settings, or paths",
    )  # fmt: skip
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="DIR", help="of all runs"
    )
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="computed features; default RUNS/cache"
    )
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda or auto; default: cpu")


def cache_of(arguments: argparse.Namespace) -> Path:
    """Return the folder of computed features that --cache and --runs name."""
    return arguments.cache or arguments.runs / "cache"


def device_of(arguments: argparse.Namespace) -> str:
    """What --device names, by torch's name. Raises InputError where it is not there."""
    from ser_stream.stream.settings import torch_device

    return torch_device(arguments.device or "cpu")
