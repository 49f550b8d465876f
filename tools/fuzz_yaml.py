"""Read damaged and hostile recipes, and print what became of each kind.

    python tools/fuzz_yaml.py                    # 1000 recipes
    python tools/fuzz_yaml.py --cases 40

Each is a shipped recipe with one change. It has to be accepted, or refused by an error of one line,
within a process of little memory.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fuzzing
from fuzzing import ACCEPTED, REFUSED, Outcomes, Worker, outcome_of, work

RECIPES = Path(__file__).parents[1] / "config" / "recipes"
MEMORY_BYTES = 1 << 30
GOOD = (REFUSED, ACCEPTED)
NOUN = "recipes"

BOMB = "&a0 [x, x, x, x, x, x, x, x, x]"
VALUES = [
    "", "~", "true", "no", "-1", "0", "1.5", "9" * 5000, "-" + "9" * 20, "0x" + "f" * 5000, "010",
    "1:30", ":".join(["59"] * 2000), "1_000", ".nan", "-.inf", "1e400", "1.0e+400", "٣",
    "2026-02-31", "2001-01-01T00:00:00Z", "a" * 100_000, "'" + "é" * 5000 + "'", '"\\ud800"',
    '"\\0"', '"\\e[2J"', "[]", "{}", "[[]]", "[1, [2, {a: 3}]]", "{a: 1, a: 2}", "{[1]: 2}",
    "? [a]", "{? {a: b} : c}", "[" * 50_000, "{a: " * 50_000, "- " * 2000, "*nothing", "&x *x",
    "&x [*x]", BOMB, "!!python/name:os.system", "!!python/object/apply:os.system [echo]",
    "!!binary '!'", "!!set {a, b}", "!!omap [a: 1]", "!!int ''", "!!timestamp x", "!!bool maybe",
    "!!float []", "! x", "<<: 1", "=", "|\n  two\n  lines", ">-\n x", "%YAML 9", "@", "`", "'open",
    '"open', "[1, 2", "{a: 1", "\x00", "\ufffe", "\x85", "#",
    "!<tag:yaml.org,2002:python/tuple> [1]", "../../../etc/passwd", "/dev/zero", "{kind: speech}",
]  # fmt: skip
"""Values that replace one of a recipe."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases, print the table, and return the exit code: 1 where a case went wrong."""
    return fuzzing.main(__doc__, run, GOOD, NOUN, arguments, lambda: work(_read, MEMORY_BYTES))


def run(cases: int, first: int = 0) -> Outcomes:
    """Run cases; return what became of them."""
    outcomes = Outcomes(GOOD, NOUN)
    with tempfile.TemporaryDirectory() as scratch, Worker(__file__) as worker:
        recipes = sorted(shutil.copytree(RECIPES, Path(scratch, "recipes")).rglob("*.yaml"))
        for number in range(first, first + cases):
            rng = random.Random(number)
            kind = rng.choice([*MUTATIONS, *3 * ["value"]])
            recipe = rng.choice(recipes)
            path = recipe.with_name("changed.yaml")  # beside those that it extends
            path.write_bytes(MUTATIONS[kind](recipe.read_bytes(), rng))
            found = worker.ask(str(path))
            path.unlink()
            outcomes.add(f"case {number}, {kind}", kind, outcome_of(found), found)
    return outcomes


def _read(path: str) -> dict[str, Any]:
    from ser_stream.recipes.load import load_recipe

    load_recipe(Path(path))
    return {"accepted": True}


def _another_value(content: bytes, rng: random.Random) -> bytes:
    lines = content.decode().splitlines()
    number = rng.choice([i for i, line in enumerate(lines) if ":" in line and "#" not in line])
    name = lines[number].partition(":")[0]
    lines[number] = f"{name}: {rng.choice(VALUES)}"
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _another_key(content: bytes, rng: random.Random) -> bytes:
    lines = content.decode().splitlines()
    number = rng.choice([i for i, line in enumerate(lines) if ":" in line and "#" not in line])
    lines[number] = f"{rng.choice(VALUES)}:{lines[number].partition(':')[2]}"
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _aliases(content: bytes, rng: random.Random) -> bytes:
    levels, width = rng.randint(1, 40), rng.randint(1, 12)
    lines = [f"bomb0: {BOMB}"]
    for level in range(1, levels):
        items = ", ".join([f"*a{level - 1}"] * width)
        lines.append(f"bomb{level}: &a{level} [{items}]")
    return "\n".join([*lines, ""]).encode() + content


def _lines_moved(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines()
    for _ in range(rng.randint(1, 4)):
        line = lines.pop(rng.randrange(len(lines)))
        lines.insert(rng.randrange(len(lines) + 1), rng.choice([line, b"  " + line, line.lstrip()]))
    return b"\n".join(lines)


def _doubled(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines()
    return content + b"\n" + rng.choice(lines) + b"\n"


def _bytes_changed(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def _large(content: bytes, rng: random.Random) -> bytes:
    filler = rng.choice([b"# comment\n", b" ", b"\n", b"- x\n", b"\x00", b"x: y\n"])
    return content + filler * (rng.choice([2**14, 2**19, 2**23]) // len(filler))


def _encoded(content: bytes, rng: random.Random) -> bytes:
    encoding = rng.choice(["utf-16", "utf-32", "utf-8-sig", "cp037", "utf-16-be"])
    return content.decode().encode(encoding, "replace")


MUTATIONS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "value": _another_value,
    "key": _another_key,
    "aliases": _aliases,
    "lines moved": _lines_moved,
    "line doubled": _doubled,
    "bytes changed": _bytes_changed,
    "cut": _cut,
    "large": _large,
    "encoding": _encoded,
}

if __name__ == "__main__":
    sys.exit(main())
