"""Options, errors and tables that several commands share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ser_stream.commands.parser import whole_number
from ser_stream.engines.names import AUTO, ENGINES
from ser_stream.errors import InputError
from ser_stream.text import one_line


def print_error(error: InputError) -> None:
    """Print on stderr why input cannot be used."""
    print_message(f"error: {error}")


def print_message(message: str) -> None:
    """Print a message on stderr, as one line."""
    print(f"ser-stream: {one_line(message)}", file=sys.stderr)


def show_tables(markdown: str) -> None:
    """Print Markdown; on a terminal, draw its tables."""
    from rich.console import Console
    from rich.text import Text

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
            console.print(Text(line))  # a name may look like markup
        elif table is None:
            table = narrow_table()
            for i, name in enumerate(cells):
                heading = Text(name.replace(" ", "\n"))
                table.add_column(heading, justify="right" if i else "left")
        elif line.strip("|-"):
            table.add_row(*map(Text, cells))


def add_corpora(parser: argparse.ArgumentParser, needed: bool = True) -> None:
    """Add --corpora, the folder of the corpora."""
    parser.add_argument(
        "--corpora", type=Path, required=needed, metavar="DIR",
        help="folder of the corpora, each in a subfolder with its name, such as ravdess/",
    )  # fmt: skip


def add_held_out(parser: argparse.ArgumentParser) -> None:
    """Add the options that name held-out speakers: --recipe, --corpora and --part."""
    parser.add_argument(
        "--recipe", type=Path, required=True, help="recipe that holds out the speakers"
    )
    add_corpora(parser)
    add_part(parser)


def add_part(parser: argparse.ArgumentParser) -> None:
    """Add --part, the part of a recipe's held-out speakers."""
    parser.add_argument(
        "--part", choices=("validation", "test"), default="test",
        help="which of the recipe's held-out speakers; default: test",
    )  # fmt: skip


def add_clips(parser: argparse.ArgumentParser) -> None:
    """Add --clips, the number of recordings of each corpus."""
    parser.add_argument(
        "--clips",
        type=_count,
        metavar="N",
        help="use only N recordings of each corpus, the same ones each time; default: all",
    )


def _count(text: str) -> int:
    found = whole_number(text)
    if found < 1:
        raise argparse.ArgumentTypeError(f"found {found}; accepted is a whole number from 1")
    return found


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add --model, the network that recognises emotions in sound."""
    parser.add_argument(
        "--model",
        default="default",
        metavar="NAME|DIR",
        help="shipped model (ser-stream models lists them), model folder, or a Hugging Face "
        "checkpoint's folder or name; default: default",
    )


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add --engine, which runs the network."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=AUTO,
        help="what runs the network: ONNX Runtime, also with weights in eight bits, or torch; "
        "default: auto, which is torch where there is a GPU for it, else onnx",
    )


def add_training(parser: argparse.ArgumentParser, corpora_needed: bool = True) -> None:
    """Add the options that all training commands take."""
    add_corpora(parser, corpora_needed)
    add_skip_bad(parser)
    parser.add_argument(
        "--on", nargs="+", default=[], metavar="NAME",
        help="settings that override an experiment's: files of config/recipes/settings, or paths",
    )  # fmt: skip
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("runs"),
        metavar="DIR",
        help="folder of all runs; default: runs",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="cache of computed features; default: cache in the folder of runs",
    )
    parser.add_argument(
        "--device", metavar="NAME", help="device that trains: cpu, cuda or auto; default: cpu"
    )


def add_skip_bad(parser: argparse.ArgumentParser) -> None:
    """Add --skip-bad, which leaves out recordings that cannot be read."""
    parser.add_argument(
        "--skip-bad",
        action="store_true",
        help="leave out recordings that cannot be read, and say which; default: they are an error",
    )


def cache_of(arguments: argparse.Namespace) -> Path:
    """Return the folder of computed features that --cache and --runs name."""
    return arguments.cache or arguments.runs / "cache"


def device_of(arguments: argparse.Namespace) -> str:
    """Return torch's name of the device that --device names.

    Raises:
        InputError: the device is not available.
    """
    from ser_stream.engines.torch import torch_device

    return torch_device(arguments.device or "cpu")
