"""Open and run damaged and hand-edited models, and print what became of each kind.

    python tools/fuzz_models.py                    # 500 model.json files and 500 files of weights
    python tools/fuzz_models.py --cases 40         # 20 and 20

A damaged model has to be refused by an error of one line. One that is accepted has to give the
answers of the original; where the hashes in model.json were computed again ("stamped"), which no
check of the content can tell from another model, it has to give finite answers at least. The
models run in a process of their own with limited memory; one that takes longer than two minutes
counts as hung.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fuzzing
from fuzzing import REFUSED, Outcomes, Worker, failure, refusal, work
from model_mutations import Mutation, mutate_description, mutate_weights

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "ser_stream" / "weights" / "tiny"
RECORDING = ROOT / "tests" / "recordings" / "2-happy.flac"
MEMORY_BYTES = 3 << 30

SAME, OTHER = "accepted, same answers", "accepted, other finite answers"
GOOD = (REFUSED, SAME, OTHER)
NOUN = "models"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases, print the table, and return the exit code: 1 where a case went wrong."""
    return fuzzing.main(__doc__, run, GOOD, NOUN, arguments, _work)


def run(cases: int, first: int = 0) -> Outcomes:
    """Run cases, half of them of model.json and half of weights; return what became of them."""
    outcomes = Outcomes(GOOD, NOUN)
    with tempfile.TemporaryDirectory() as scratch, Worker(__file__) as worker:
        originals = {
            engine: worker.ask([str(MODEL), engine])["answers"] for engine in ("onnx", "torch")
        }
        for number in range(first, first + cases):
            mutate = (mutate_description, mutate_weights)[number % 2]
            folder = Path(scratch) / str(number)
            mutation = mutate(MODEL, folder, number // 2)
            found = worker.ask([str(folder), mutation.engine])
            outcome = _outcome(mutation, found, originals[mutation.engine])
            outcomes.add(f"case {number}, {mutation}", mutation.kind, outcome, found)
            shutil.rmtree(folder)
    return outcomes


def _outcome(mutation: Mutation, found: dict[str, Any], original: list[dict]) -> str:
    if "refused" in found:
        return refusal(found["refused"])
    if "answers" not in found:
        return failure(found)
    if _same(found["answers"], original):
        return SAME
    if not mutation.stamped:
        return "wrongly accepted"
    return OTHER


def _same(answers: list[dict], original: list[dict]) -> bool:
    if len(answers) != len(original):
        return False
    for one, other in zip(answers, original, strict=True):
        if one["scores"].keys() != other["scores"].keys() or one["end_s"] != other["end_s"]:
            return False
        if any(abs(p - other["scores"][label]) > 1e-3 for label, p in one["scores"].items()):
            return False
    return True


def _work() -> int:
    """Open and run the models that stdin names."""
    import logging

    import soundfile

    from ser_stream import Recognizer

    logging.getLogger("ser_stream").setLevel(logging.CRITICAL)
    samples, rate = soundfile.read(RECORDING, dtype="float32")
    samples = samples[: 2 * rate]

    def read(request: list[str]) -> dict[str, Any]:
        folder, engine = request
        recognizer = Recognizer(folder, engine=engine)
        estimates = recognizer.push(samples, rate) + recognizer.finish()
        if recognizer.status.failed_windows:
            return {"failed": f"withheld at run time: {recognizer.status.failed_windows}"}
        return {"answers": [_answer(e.to_json()) for e in estimates]}

    return work(read, MEMORY_BYTES)


def _answer(line: str) -> dict[str, Any]:
    """Return an estimate's JSON, after checking it."""
    estimate = json.loads(line, parse_constant=lambda name: 1 / 0)
    scores = estimate["scores"]
    assert abs(sum(scores.values()) - 1) < 0.01 and all(0 <= p <= 1 for p in scores.values()), line
    assert estimate["expression"] in ("", *scores), line
    return {"scores": scores, "end_s": estimate["end_s"]}


if __name__ == "__main__":
    sys.exit(main())
