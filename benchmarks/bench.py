"""Measure this package, and write the tables of docs/performance.md.

    make bench                      all parts but the stream of ten hours: about an hour
    make bench ONLY="features listen"
    make bench-long                 the stream of ten hours, ten minutes

Each part runs in a process of its own and writes `benchmarks/results/PART.json`, so that a part can
be measured again alone. One that fails leaves its earlier result as it was. `--only` without a part
writes the page from the results that are there. The machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import RESULTS, child_environment, python
from benchmarks.report import FIGURES, PAGE, write_report

PARTS = (
    "bounds", "features", "per_hop", "profiling", "scaling", "latency", "listen", "streams",
    "many_streams", "serve_load", "page_memory", "environment",
)  # fmt: skip
LONG = "long"
TIMEOUT_S = 2 * 3600.0
"""Longest time of a part; each takes a quarter of an hour at most on two free cores."""


def run(part: str, results: Path, quick: bool) -> bool:
    """Run a part in a process of its own; return whether it wrote its result."""
    print(f"== {part}", flush=True)
    results.mkdir(parents=True, exist_ok=True)
    options = ["--output", results / f"{part}.json", *(["--quick"] if quick else [])]
    command = python("-m", f"benchmarks.{part}", *options)
    try:
        return subprocess.run(command, env=child_environment(), timeout=TIMEOUT_S).returncode == 0
    except subprocess.TimeoutExpired:
        print(f"{part}: stopped after {TIMEOUT_S / 3600:g} hours", file=sys.stderr)
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=(*PARTS, LONG), default=PARTS)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: a test, no measurement")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON files")
    parser.add_argument("--page", type=Path, default=PAGE, help="page whose tables are written")
    parser.add_argument("--figures", type=Path, default=FIGURES, help="folder of the figures")
    arguments = parser.parse_args()
    failed = [
        part
        for part in arguments.only
        if not run(part, arguments.results.resolve(), arguments.quick)
    ]
    write_report(arguments.results, arguments.page, arguments.figures)
    print(f"wrote {arguments.page}")
    if failed:
        print(f"failed: {', '.join(failed)}; their earlier results stand", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
