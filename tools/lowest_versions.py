"""Print the lowest versions that a wheel accepts, as constraints for pip.

    pip wheel --no-deps -w dist .
    python tools/lowest_versions.py dist/ser_stream-*.whl > lowest.txt
    pip install -c lowest.txt 'ser_stream[train]'

`make test-lowest` runs the test suite in such an environment.
"""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

REQUIREMENT = re.compile(r"([\w.-]+) *\(?>=([\w.]+)\)? *(?:;.*)?")


def lowest_versions(wheel: Path) -> Iterator[str]:
    """Yield a constraint such as "numpy==1.22.0" for each requirement of a wheel and its extras.

    Raises:
        ValueError: a requirement has no lower bound, or more than that.
    """
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        requirements = message_from_bytes(archive.read(name)).get_all("Requires-Dist", [])
    constraints = set()
    for requirement in requirements:
        matched = REQUIREMENT.fullmatch(requirement)
        if matched is None:
            raise ValueError(f"{wheel.name}: found {requirement!r}; accepted is NAME>=VERSION")
        constraints.add("==".join(matched.groups()))
    yield from sorted(constraints)


if __name__ == "__main__":
    for line in lowest_versions(Path(sys.argv[1])):
        print(line)
