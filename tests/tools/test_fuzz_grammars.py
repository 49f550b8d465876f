"""Damaged and hostile grammars: accepted and usable, or refused by one line."""

import pytest

pytest.importorskip("pocketsphinx")

import fuzz_grammars


def test_no_grammar_does_harm():
    """`make fuzz` reads a thousand."""
    counts, wrong = fuzz_grammars.run(8)
    assert not wrong and sum(found.total() for found in counts.values()) == 8
