"""Estimates of the test recordings, compared with the committed ones.

A change of behaviour shows here as a difference in `tests/golden/*.jsonl`. To accept it:

    make test ARGS='tests/golden --update-golden'
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
TOLERANCE = 1e-3
"""Processors sum floats in different orders."""
NOT_COMPARED = {"latency_ms"}

WITH_WORDS = ("--asr", "pocketsphinx", "--grammar", "demo", "--text-model", "can-english")
RUNS = {
    "default": (),
    "small": (),
    "tiny": (),
    "open": (),
    "cat-streaming": (),
    "cnn-blstm-attention-streaming": (),
    "moma-streaming": (),
    "default-words": WITH_WORDS,
}
"""Name of the file -> options besides the model, whose name the file's begins with."""


@pytest.mark.parametrize("name", RUNS)
def test_the_recordings_give_the_committed_estimates(name, request):
    """Numbers agree within `TOLERANCE`; keys may be added; `latency_ms` may differ."""
    path = FOLDER / f"{name}.jsonl"
    found = _listen(name.removesuffix("-words"), *RUNS[name])
    if request.config.getoption("--update-golden"):
        lines = [json.dumps({k: v for k, v in e.items() if k not in NOT_COMPARED}) for e in found]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    expected = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(found) == len(expected)
    for number, (one, other) in enumerate(zip(found, expected, strict=True), start=1):
        assert not list(_differences(one, other, f"line {number}"))


def _listen(model: str, *options: str) -> list[dict]:
    """What `ser-stream listen --json` prints of the test recordings."""
    recordings = sorted(str(path) for path in (ROOT / "tests" / "recordings").glob("*.flac"))
    command = [
        sys.executable, "-m", "ser_stream.cli", "listen", "--json", "--model", model,
        *options, "--input", *recordings,
    ]  # fmt: skip
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    estimates = [json.loads(line) for line in run.stdout.splitlines()]
    for estimate in estimates:
        estimate["source"] = Path(estimate["source"]).name
    return estimates


def _differences(found, expected, where: str):
    """Where two JSON values differ, as sentences."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            if key not in found:
                yield f"{where}.{key} is missing"
            else:
                yield from _differences(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list) and isinstance(found, list):
        if len(found) != len(expected):
            yield f"{where}: {len(found)} items instead of {len(expected)}"
        for number, (one, other) in enumerate(zip(found, expected, strict=False)):
            yield from _differences(one, other, f"{where}[{number}]")
    elif isinstance(expected, float) and isinstance(found, float | int):
        if not math.isclose(found, expected, abs_tol=TOLERANCE, rel_tol=0):
            yield f"{where}: {found} instead of {expected}"
    elif found != expected:
        yield f"{where}: {found!r} instead of {expected!r}"
