"""Print the lowest versions that the installed ser_stream accepts, as constraints for pip.

    pip install --no-deps .
    python tools/lowest_versions.py > lowest.txt
    pip install -c lowest.txt '.[train]'

`make test-lowest` runs the test suite in such an environment. Needs no other package.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import requires

REQUIREMENT = re.compile(r"([\w.-]+) *\(?>=([\w.]+)\)? *(?:;.*)?")


def lowest_versions(requirements: Iterable[str]) -> list[str]:
    """Return a constraint such as "numpy==1.22.0" for each requirement, those of extras included.

    Raises:
        ValueError: a requirement has no lower bound, or more than that.

    >>> lowest_versions(["numpy>=1.22.0", 'rich>=12.0.0; extra == "live"'])
    ['numpy==1.22.0', 'rich==12.0.0']
    """
    constraints = set()
    for requirement in requirements:
        matched = REQUIREMENT.fullmatch(requirement)
        if matched is None:
            raise ValueError(f"setup.py: found {requirement!r}; accepted is NAME>=VERSION")
        constraints.add("==".join(matched.groups()))
    return sorted(constraints)


if __name__ == "__main__":
    print("\n".join(lowest_versions(requires("ser_stream") or [])))
