"""Checks a grammar of PocketSphinx in a process of its own, with limits on time and memory.

PocketSphinx is written in C: some damaged grammars end the process that loads them, and some of a
few lines would take years. What it drops silently, such as a rule that does not exist, it reports
in its log only, which is read here.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from ser_stream.asr.grammars import ARPA, SHIPPED
from ser_stream.asr.interpreter import child_environment
from ser_stream.errors import InputError
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

try:
    import resource
except ImportError:  # Windows: only the time is limited
    resource = None  # type: ignore[assignment]

log = logging.getLogger("ser_stream.asr")

MAX_CPU_S = 30
"""Processor time of loading a grammar and recognising a second of sound; the shipped ones take less
than a second."""
MAX_WAIT_S: Seconds = 300.0
"""Time on the clock, for a computer that has much other work."""
MAX_MEMORY_BYTES = 2 << 30
REFUSED = 3
"""Exit code of the process where the grammar is refused; it prints why."""

LOADED = "ser_stream: loaded"
"""Line of stderr between what PocketSphinx says of the grammar and of the sound."""

_PROBLEM = re.compile(r'^ERROR: "[^"]*", line \d+: (.*)$', re.MULTILINE)


def check_grammar(path: Path) -> None:
    """Check that PocketSphinx can load a grammar, and uses all of it.

    Problems with single n-grams of a large model are logged; such a model is still useful.

    Raises:
        InputError: it cannot; the message says why, as far as PocketSphinx does.
    """
    if path.parent == SHIPPED:
        return
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(f"asr grammar {path}: {error.strerror or error}") from error
    _check(path, found.st_mtime_ns, found.st_size, MAX_CPU_S)


@functools.lru_cache(maxsize=16)
def _check(path: Path, _changed_ns: int, _size: int, max_cpu_s: int) -> None:
    """Check one version of a grammar."""
    where = f"asr grammar {path}"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "ser_stream.asr.grammar_check", path, str(max_cpu_s)],
            env=child_environment() | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=MAX_WAIT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{where}: takes more than {MAX_WAIT_S:g} s to load") from error
    problems = _PROBLEM.findall(done.stderr.partition(LOADED)[0])
    about = f" ({problems[0]})" if problems else ""
    if done.returncode == REFUSED:
        raise InputError(f"{done.stdout}{about}")
    if done.returncode == -getattr(signal, "SIGXCPU", 0):
        raise InputError(
            f"{where}: takes more than {max_cpu_s} s to load and to recognise a second of sound; "
            "do rules use others many times over, or are + and * within one another?"
        )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["without a message"])[-1]
        raise InputError(
            f"{where}: PocketSphinx ends while it loads it ({_ending(done.returncode)}: {last}); "
            f"is the file damaged, or larger than {MAX_MEMORY_BYTES >> 30} GiB in memory?"
        )
    if problems and path.suffix.lower() not in ARPA:
        raise InputError(f"{where}: a part of it would be left out: {problems[0]}")
    if problems:
        log.warning("%s: %s: %d problems", where, problems[0], len(problems))


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def main() -> None:
    """Load the grammar that the command line names; the main function of the process."""
    reply = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # the parser prints what it cannot parse
    if resource is not None:
        seconds = int(sys.argv[2])
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import numpy as np

    from ser_stream.asr.pocketsphinx import PocketSphinx

    try:
        recognizer = PocketSphinx(sys.argv[1], loglevel="ERROR")
    except InputError as error:
        reply.write(str(error))
        reply.flush()
        sys.exit(REFUSED)
    print(LOADED, file=sys.stderr, flush=True)
    # Some end the process, or never end themselves, only when they are used.
    noise = np.random.default_rng(0).normal(0.0, 0.1, SAMPLE_RATE_HZ).astype(np.float32)
    recognizer.recognize(noise, 0.0)


if __name__ == "__main__":
    main()
