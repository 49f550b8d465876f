"""Buffers that grow, against plain arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_stream.stream.growing import GrowingArray, GrowingEnergy


@given(st.lists(st.integers(0, 40), max_size=20))
def test_rows_are_those_that_were_appended_and_views_of_them_stay_as_they_are(lengths):
    rows = np.arange(2 * sum(lengths), dtype=np.float32).reshape(-1, 2)
    growing, views = GrowingArray((2,), capacity=3), []
    for length in lengths:
        start = len(growing)
        growing.append(rows[start : start + length])
        views.append(growing.read(0, len(growing)))
    for end, view in zip(np.cumsum(lengths), views, strict=True):
        np.testing.assert_array_equal(view, rows[:end])


@given(st.lists(st.integers(0, 700), max_size=10), st.integers(1, 400), st.data())
def test_energy_is_that_of_whole_units(lengths, unit, data):
    samples = np.random.default_rng(0).standard_normal(sum(lengths)).astype(np.float32)
    energy, end = GrowingEnergy(unit), 0
    for length in lengths:
        energy.append(samples[end : end + length])
        end += length
    asked = data.draw(st.integers(0, end))
    found, n_samples = energy.before(asked)
    assert n_samples == asked // unit * unit
    assert found == pytest.approx(np.sum(np.square(samples[:n_samples], dtype=np.float64)))


def test_energy_beyond_the_samples_is_that_of_the_last_unit():
    energy = GrowingEnergy(unit=10)
    energy.append(np.ones(25, np.float32))
    assert energy.before(1_000) == (20.0, 20)
