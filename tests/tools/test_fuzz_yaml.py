"""Damaged and hostile recipes: accepted, or refused by one line."""

import pytest

pytest.importorskip("torch")

import fuzz_yaml


def test_no_recipe_does_harm():
    """`make fuzz` reads a thousand."""
    outcomes = fuzz_yaml.run(40)
    assert not outcomes.wrong and outcomes.peak_mb < 1000
    assert sum(found[fuzz_yaml.REFUSED] for found in outcomes.counts.values()) > 20
