"""Damaged and hostile grammars: accepted and usable, or refused by one line."""

import pytest

pytest.importorskip("pocketsphinx")

import fuzz_grammars


def test_no_grammar_does_harm():
    """`make fuzz` reads a thousand."""
    outcomes = fuzz_grammars.run(8)
    assert not outcomes.wrong
    assert sum(found.total() for found in outcomes.counts.values()) == 8
