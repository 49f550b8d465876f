"""Damaged and hand-edited models: refused by one line, or with the answers of the original."""

import pytest

pytest.importorskip("torch")

import fuzz_models
import fuzzing


def test_no_damaged_model_is_accepted_wrongly():
    """`make fuzz` runs a thousand."""
    counts, wrong, _ = fuzz_models.run(40)
    assert not wrong
    total = sum(counts.values(), start=type(next(iter(counts.values())))())
    assert total[fuzz_models.REFUSED] > 20 and total.total() == 40
    assert "| all | 40 |" in fuzzing.table(counts, fuzz_models.GOOD, "models")
