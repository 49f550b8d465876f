"""What the policy of deploy/sros2 allows, by the names that a node has in the graph."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from xml.etree import ElementTree

from paths import ROOT

POLICY = ROOT / "deploy" / "sros2" / "policy.xml"


class Policy:
    """The rules of a policy file, as the programs of SROS2 read them.

    DDS compares names with patterns as fnmatch(3) does, where `*` stands for `/` too.
    """

    def __init__(self, path: Path = POLICY) -> None:
        self._rules: dict[tuple[str, str], list[str]] = {}  # enclave and action -> full names
        for enclave in ElementTree.parse(path).iter("enclave"):
            for profile in enclave.iter("profile"):
                self._add(enclave.get("path"), profile)

    def _add(self, enclave: str, profile: ElementTree.Element) -> None:
        namespace = profile.get("ns").rstrip("/")
        for names in profile:
            for action, qualifier in names.attrib.items():
                if qualifier != "ALLOW":
                    continue
                for name in names:
                    text = name.text.replace("~", profile.get("node"))
                    full = text if text.startswith("/") else f"{namespace}/{text}"
                    self._rules.setdefault((enclave, action), []).append(full)

    def allows(self, enclave: str, action: str, name: str) -> bool:
        """Whether a process in the enclave may `publish`, `subscribe`, `reply` or `request`."""
        return any(fnmatchcase(name, rule) for rule in self._rules.get((enclave, action), ()))
