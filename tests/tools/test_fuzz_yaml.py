"""Damaged and hostile recipes: accepted, or refused by one line."""

import pytest

pytest.importorskip("torch")

import fuzz_yaml


def test_no_recipe_does_harm():
    """`make fuzz` reads a thousand."""
    counts, wrong, peak_mb = fuzz_yaml.run(40)
    assert not wrong and peak_mb < 1000
    assert sum(found[fuzz_yaml.REFUSED] for found in counts.values()) > 20
