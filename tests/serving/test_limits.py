"""The budget of what a client sends."""

from __future__ import annotations

import pytest

from ser_stream.serving.limits import Budget


def test_a_budget_is_spent_at_once_and_refilled_with_time():
    now = [0.0]
    budget = Budget(10.0, per_s=2.0, clock=lambda: now[0])
    assert budget.spend(10.0) == 0.0
    assert budget.spend(4.0) == pytest.approx(2.0)  # 4 too many, 2 per second
    now[0] = 2.0
    assert budget.spend(0.0) == 0.0
    now[0] = 100.0
    assert budget.spend(11.0) == pytest.approx(0.5)  # never more than its size
