"""Load damaged and hostile grammars, and print what became of each kind.

    python tools/fuzz_grammars.py                    # 1000 grammars, in about ten minutes
    python tools/fuzz_grammars.py --cases 40

Each has to be accepted, or refused by an error of one line. One that is accepted is then used for
recognition, without limits, as a robot does: it may not end that process.
"""

from __future__ import annotations

import random
import string
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fuzzing
from fuzzing import ACCEPTED, REFUSED, Outcomes, Worker, outcome_of, work

ROOT = Path(__file__).parents[1]
RECORDING = ROOT / "tests" / "recordings" / "2-happy.flac"
MEMORY_BYTES = 4 << 30
MAX_CPU_S = 2
"""Limit of the check, lower than that of a robot: grammars that are refused for it are many."""
GOOD = (REFUSED, ACCEPTED)
NOUN = "grammars"

WORDS = ("hello", "robot", "stop", "come", "here", "wonderful", "today", "yes", "no")
NUMBERS = (
    "-1", "0", "1", "2", "1.5", "nan", "inf", "-inf", "1e400", "99999999999999999999", "-99", "x",
    "",
)  # fmt: skip
SPECIAL = (
    "<sil>", "<s>", "</s>", "<NULL>", "<VOID>", "<nope>", "[", "]", "(", ")", "*", "+", "|", ";",
    "{x}", "/0.5/", "/-1/", "\\", '"', "\0", "\x1b[2J", "é" * 50, "a" * 5000, "//", "/*", "public",
    "import <a.b>;", "%s%n", "grammar", "<a.b.c>", "=", "\n", "#JSGF",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases, print the table, and return the exit code: 1 where a case went wrong."""
    return fuzzing.main(__doc__, run, GOOD, NOUN, arguments, _work)


def run(cases: int, first: int = 0) -> Outcomes:
    """Run cases; return what became of them."""
    outcomes = Outcomes(GOOD, NOUN)
    with tempfile.TemporaryDirectory() as scratch, Worker(__file__) as worker:
        for number in range(first, first + cases):
            rng = random.Random(number)
            kind = rng.choice(list(MUTATIONS))
            ending, mutate = MUTATIONS[kind]
            path = Path(scratch) / f"grammar{ending}"
            path.write_bytes(mutate(rng).encode("utf-8", "surrogatepass"))
            found = worker.ask(str(path))
            outcomes.add(f"case {number}, {kind}", kind, outcome_of(found), found)
    return outcomes


def _work() -> int:
    import logging

    import soundfile

    from ser_stream.asr import grammar_check
    from ser_stream.asr.base import AsrSettings
    from ser_stream.asr.factory import check_settings, open_recognizer

    logging.getLogger("ser_stream").setLevel(logging.CRITICAL)
    grammar_check.MAX_CPU_S = MAX_CPU_S
    samples, _ = soundfile.read(RECORDING, dtype="float32")

    def read(path: str) -> dict[str, Any]:
        settings = AsrSettings("pocketsphinx", grammar=path)
        check_settings(settings)
        try:
            open_recognizer(settings).recognize(samples[:32_000], 0.0)
        except ValueError as error:  # refused after it was accepted
            return {"failed": f"{type(error).__name__} after the check: {error}"}
        return {"accepted": True}

    return work(read, MEMORY_BYTES)


def _phrase(rng: random.Random, depth: int = 3) -> str:
    """Return a right-hand side of a rule of JSGF."""
    parts = []
    for _ in range(rng.randint(1, 4)):
        kind = rng.random()
        if kind < 0.55 or not depth:
            parts.append(rng.choice(WORDS))
        elif kind < 0.7:
            parts.append(f"({_phrase(rng, depth - 1)})")
        elif kind < 0.8:
            parts.append(f"[{_phrase(rng, depth - 1)}]")
        elif kind < 0.9:
            parts.append(f"<r{rng.randrange(4)}>")
        else:
            parts.append(f"{rng.choice(WORDS)} {rng.choice('*+|')} {rng.choice(WORDS)}")
    return rng.choice([" ", " | "]).join(parts)


def _rules(rng: random.Random) -> list[str]:
    rules = [f"<r{number}> = {_phrase(rng)};" for number in range(rng.randint(1, 4))]
    return ["#JSGF V1.0;", "grammar g;", f"public {rules[0]}", *rules[1:]]


def _random_rules(rng: random.Random) -> str:
    return "\n".join(_rules(rng))


def _hostile_rules(rng: random.Random) -> str:
    text = list("\n".join(_rules(rng)))
    for _ in range(rng.randint(1, 5)):
        text.insert(rng.randrange(20, len(text) + 1), f" {rng.choice(SPECIAL)} ")
    return "".join(text)


def _recursion(rng: random.Random) -> str:
    levels, uses = rng.choice([3, 8, 30, 200]), rng.randint(1, 3)
    last = rng.choice(["<r0>", "hello", "<NULL>", "<nope>", "[hello] <r0>"])
    rules = [f"<r{n}> = {f'<r{n + 1}> ' * uses};" for n in range(levels)]
    return "\n".join(
        ["#JSGF V1.0;", "grammar g;", f"public {rules[0]}", *rules[1:], f"<r{levels}> = {last};"]
    )


def _nesting(rng: random.Random) -> str:
    depth = rng.choice([10, 1000, 100_000])
    opening, closing = rng.choice(["()", "[]", ("(", ")*"), ("(", ")+")])
    return f"#JSGF V1.0;\ngrammar g;\npublic <a> = {opening * depth}hello{closing * depth};"


def _shipped(rng: random.Random) -> str:
    name = rng.choice(["demo", "robot-commands"])
    return (ROOT / "ser_stream" / "grammars" / f"{name}.jsgf").read_text(encoding="utf-8")


def _damaged_rules(rng: random.Random) -> str:
    return _damaged(_shipped(rng), rng)


def _damaged(text: str, rng: random.Random) -> str:
    """Change, remove or repeat some characters, or cut the text."""
    for _ in range(rng.randint(1, 6)):
        start = rng.randrange(len(text))
        end = min(len(text), start + rng.choice([1, 1, 10, 100]))
        new = rng.choice(["", text[start:end] * 2, rng.choice(string.printable), "\0", "\ufffd"])
        text = (text[:start] + new + text[end:]) or "x"
    return text


def _ngrams(rng: random.Random) -> str:
    """Return an n-gram model whose counts are right."""
    words = ["<s>", "</s>", *rng.sample(WORDS, rng.randint(1, len(WORDS)))]
    pairs = sorted({(rng.choice(words), rng.choice(words)) for _ in range(rng.randint(0, 12))})
    lines = ["\\data\\", f"ngram 1={len(words)}", *([f"ngram 2={len(pairs)}"] if pairs else []), ""]
    lines += ["\\1-grams:", *(f"-1.{rng.randrange(10)} {word} -0.3" for word in words), ""]
    if pairs:
        lines += ["\\2-grams:", *(f"-0.{rng.randrange(10)} {a} {b}" for a, b in pairs), ""]
    return "\n".join([*lines, "\\end\\", ""])


def _hostile_ngrams(rng: random.Random) -> str:
    lines = _ngrams(rng).split("\n")
    for _ in range(rng.randint(1, 3)):
        number = rng.randrange(len(lines))
        parts = lines[number].replace("=", " = ").split(" ")
        parts[rng.randrange(len(parts))] = rng.choice(NUMBERS + SPECIAL[:6] + SPECIAL[-4:] + WORDS)
        lines[number] = " ".join(parts).replace(" = ", "=")
    return "\n".join(lines)


def _counts(rng: random.Random) -> str:
    lines = _ngrams(rng).split("\n")
    found = [number for number, line in enumerate(lines) if line.startswith("ngram")]
    number = rng.choice(found)
    order = rng.choice(["1", "2", "3", "9", "0", "-1", "99999"])
    count = rng.choice([*NUMBERS, "2147483647", "4294967297", "1000000"])
    lines[number] = f"ngram {order}={count}"
    return "\n".join(lines)


def _damaged_ngrams(rng: random.Random) -> str:
    return _damaged(_ngrams(rng), rng)


def _sentences(rng: random.Random) -> str:
    pieces = [*WORDS, *SPECIAL, *NUMBERS]
    lines = [" ".join(rng.choices(pieces, k=rng.randint(0, 6))) for _ in range(rng.randint(0, 9))]
    return "\n".join(lines) * rng.choice([1, 1, 1, 2000])


MUTATIONS: dict[str, tuple[str, Callable[[random.Random], str]]] = {
    "JSGF: random rules": (".jsgf", _random_rules),
    "JSGF: hostile parts": (".jsgf", _hostile_rules),
    "JSGF: recursion": (".jsgf", _recursion),
    "JSGF: nesting": (".jsgf", _nesting),
    "JSGF: shipped, damaged": (".gram", _damaged_rules),
    "ARPA: good": (".lm", _ngrams),
    "ARPA: hostile parts": (".arpa", _hostile_ngrams),
    "ARPA: counts": (".arpa", _counts),
    "ARPA: damaged": (".lm", _damaged_ngrams),
    "sentences": (".txt", _sentences),
}

if __name__ == "__main__":
    sys.exit(main())
