"""Praat's TextGrid files, for tests."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest


def intervals(text):
    """Tier -> (xmin, xmax, text) of each interval, as Praat's manual describes the format."""
    tiers = {}
    for tier in text.split("    item [")[1:]:
        (name,) = re.findall(r'name = "(.*)"', tier)
        found = re.findall(r'xmin = (\S+)\n +xmax = (\S+)\n +text = "(.*)"', tier)
        assert f"intervals: size = {len(found)}" in tier
        tiers[name] = [(float(a), float(b), label.replace('""', '"')) for a, b, label in found]
    return tiers


def assert_covers(spans, duration_s):
    assert spans[0][0] == 0
    assert spans[-1][1] == pytest.approx(duration_s, abs=1e-6)
    assert all(end > start for start, end, _ in spans)
    assert all(before[1] == after[0] for before, after in pairwise(spans))
