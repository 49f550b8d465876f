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

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from fuzzing import REFUSED, Worker, refusal, table, work
from model_mutations import Mutation, mutate_description, mutate_weights

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "ser_stream" / "weights" / "tiny"
RECORDING = ROOT / "ser_stream" / "demo" / "2-happy.flac"
MEMORY_BYTES = 3 << 30

SAME, OTHER = "accepted, same answers", "accepted, other finite answers"
GOOD = (REFUSED, SAME, OTHER)


def main(arguments: list[str] | None = None) -> int:
    """Run the cases, print the table, and return the exit code: 1 where a case went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000, help="number of models")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        return _work()
    counts, wrong, peak_mb = run(options.cases)
    print(table(counts, GOOD, "models"))
    print(f"\npeak memory of the process: {peak_mb:.0f} MB")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def run(cases: int) -> tuple[dict[str, Counter[str]], list[str], float]:
    """Run cases, half of them of model.json and half of weights.

    Returns:
        Counts of each outcome by kind of mutation, a line for each case that went wrong, and the
        most memory that the process took, in MB.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    wrong: list[str] = []
    peak_mb = 0.0
    with tempfile.TemporaryDirectory() as scratch, Worker(__file__) as worker:
        originals = {
            engine: worker.ask([str(MODEL), engine])["answers"] for engine in ("onnx", "torch")
        }
        for number in range(cases):
            mutate = (mutate_description, mutate_weights)[number % 2]
            folder = Path(scratch) / str(number)
            mutation = mutate(MODEL, folder, number // 2)
            found = worker.ask([str(folder), mutation.engine])
            outcome = _outcome(mutation, found, originals[mutation.engine])
            counts[mutation.kind][outcome] += 1
            peak_mb = max(peak_mb, found.get("peak_mb", 0.0))
            shutil.rmtree(folder)
            if number % 100 == 99:
                print(f"{number + 1} of {cases} models", file=sys.stderr, flush=True)
            if outcome not in GOOD:
                wrong.append(f"case {number}, {mutation}: {outcome}: {str(found)[:1000]}")
    return counts, wrong, peak_mb


def _outcome(mutation: Mutation, found: dict[str, Any], original: list[dict]) -> str:
    if "refused" in found:
        return refusal(found["refused"])
    if "answers" not in found:
        return found["failed"].split(":")[0]
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
