"""What several commands share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ser_stream.errors import InputError


def print_error(error: InputError) -> None:
    """Tell on stderr why input cannot be used."""
    print(f"ser-stream: error: {error}", file=sys.stderr)


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
    parser.add_argument("--device", default="cpu", metavar="NAME", help="cpu or cuda")
