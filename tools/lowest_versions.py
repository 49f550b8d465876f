"""Print the lowest versions that the installed ser_stream accepts, as constraints for pip.

    pip install --no-deps .
    python tools/lowest_versions.py train > lowest.txt
    pip install -c lowest.txt '.[train]'

Arguments are extras; without one, the versions are those of the base. `make test-lowest` runs the
test suite in such an environment. Needs no other package.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib.metadata import requires

REQUIREMENT = re.compile(r"""([\w.-]+) *\(?>=([\w.]+)\)? *(?:;.*?)?(?:extra == ["'](\w+)["'])?""")
"""Name, version, and the extra, if it is one's."""


def lowest_versions(requirements: Iterable[str], extras: Iterable[str] = ()) -> list[str]:
    """Return a constraint such as "numpy==1.22.0" for each requirement of the base and the extras.

    Where several name a package, the highest of their lower bounds counts.

    Raises:
        ValueError: a requirement has no lower bound, or more than that.

    >>> lowest_versions(["numpy>=1.22.0", 'numpy>=1.25.0; extra == "train"'], ["train"])
    ['numpy==1.25.0']
    """
    bounds: dict[str, str] = {}
    for requirement in requirements:
        matched = REQUIREMENT.fullmatch(requirement)
        if matched is None:
            raise ValueError(f"setup.py: found {requirement!r}; accepted is NAME>=VERSION")
        name, version, extra = matched.groups()
        if extra is None or extra in extras:
            bounds[name] = max(bounds.get(name, "0"), version, key=_parts)
    return sorted(f"{name}=={version}" for name, version in bounds.items())


def _parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


if __name__ == "__main__":
    print("\n".join(lowest_versions(requires("ser_stream") or [], sys.argv[1:])))
