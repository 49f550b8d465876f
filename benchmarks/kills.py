"""A model folder before and after a kill at each write, as a Markdown table.

    python -m benchmarks.kills

A model with ONNX files is replaced by a new one, in a process that is killed before its first
change of a file, then before its second one, and so on.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from ending import call_before_changes, killed_at, run_apart, temporaries
from ser_stream.files import sha256_of, write_bytes
from ser_stream.models.folder import model_file, replacing_model
from ser_stream.models.info import SHIPPED, read_info

RANDOM = re.compile(r"\.[\w-]{8}(?=\.|$|/)")


def replace(folder: Path) -> None:
    """Replace the model in the folder by a new one, whose weights are 11 kB of text."""
    content = b"new weights" * 1000
    weights = {"model.safetensors": hashlib.sha256(content).hexdigest()}
    info = dataclasses.replace(read_info(folder), name="new", weights=weights, onnx=None)
    with replacing_model(folder) as written:
        write_bytes(written / "model.safetensors", content)
        info.write(written)
        write_bytes(written / "README.md", b"the new card")


def state(folder: Path) -> str:
    """Return which model the folder holds, after comparing all of its files with their hashes."""
    info = read_info(folder)
    files = info.weights | ({} if info.onnx is None else info.onnx.files)
    whole = all(sha256_of(model_file(folder, name)) == sha256 for name, sha256 in files.items())
    name = "the new model" if info.name == "new" else "the old model"
    return name if whole else f"{name}, DAMAGED"


def changes(folder: Path) -> list[str]:
    """Return the changes of files that `replace` makes, in order."""
    lines = folder.parent / "changes"

    def work() -> None:
        call_before_changes(folder, lambda change: print(change, file=file, flush=True))
        replace(folder)

    with lines.open("w") as file:
        run_apart(work)
    return [line.replace(f"{folder}", "model") for line in lines.read_text().splitlines()]


def rows() -> Iterator[tuple[int, str, str, str]]:
    """Yield for each kill: its number, the change that it prevented, and the states after it.

    The last is the state after the same command was run again.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        shutil.copytree(SHIPPED / "tiny", folder)
        prevented = changes(folder)
        for number, change in enumerate(prevented):
            shutil.rmtree(folder)
            shutil.copytree(SHIPPED / "tiny", folder)
            if not killed_at(number, folder, lambda: replace(folder)):
                return
            after = state(folder)
            replace(folder)
            left = f", and {len(temporaries(folder))} temporary files" * bool(temporaries(folder))
            yield number + 1, change, after, state(folder) + left


def table() -> str:
    """Return a row for each run of kills with the same result."""
    lines = [
        "| killed before change | model in the folder | after the next save |",
        "|---|---|---|",
    ]
    for (after, saved), group in groupby(rows(), key=lambda row: row[2:]):
        found = list(group)
        lines.append(f"| {_name(found[0])} to {_name(found[-1])} | {after} | {saved} |")
    return "\n".join(lines)


def _name(row: tuple[int, str, str, str]) -> str:
    number, change, *_ = row
    call, _, path = change.partition(" ")
    return f"{number}, {call} `{RANDOM.sub('', Path(path).name) or path}`"


if __name__ == "__main__":
    sys.exit(print(table()))
