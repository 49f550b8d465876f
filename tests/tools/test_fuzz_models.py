"""Damaged and hand-edited models: refused by one line, or with the answers of the original."""

from collections import Counter

import pytest

pytest.importorskip("torch")

import fuzz_models
import fuzzing


def test_no_damaged_model_is_accepted_wrongly():
    """`make fuzz` runs a thousand."""
    outcomes = fuzz_models.run(40)
    assert not outcomes.wrong
    total = sum(outcomes.counts.values(), start=Counter())
    assert total[fuzz_models.REFUSED] > 20 and total.total() == 40
    assert "| all | 40 |" in fuzzing.table(outcomes.counts, fuzz_models.GOOD, "models")
