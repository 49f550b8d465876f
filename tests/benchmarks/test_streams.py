"""The largest number of streams is found with few tries."""

import pytest

from benchmarks.streams import EXACTNESS, is_served, largest_number

SERVED = {"p99_ms": 99.0, "dropped_s": 0.0, "estimates": 990, "skipped": 10}


@pytest.mark.parametrize(
    ("change", "served"),
    [({}, True), ({"p99_ms": 100.0}, False), ({"dropped_s": 0.1}, False), ({"skipped": 11}, False)],
)
def test_streams_are_served_in_time_and_whole(change, served):
    assert is_served(SERVED | change) == served


@pytest.mark.parametrize("limit", [25, 26, 49, 50, 51, 130, 777, 1600, 3199])
def test_the_largest_number_is_found_to_five_percent(limit):
    tried = []

    def serves(n):
        tried.append(n)
        return n <= limit

    found = largest_number(serves)
    assert found <= limit <= found * (1 + EXACTNESS) + 1
    assert len(tried) <= 13


def test_nothing_is_served_where_the_first_number_is_too_large():
    assert largest_number(lambda n: False) == 0


def test_the_search_has_an_end():
    assert largest_number(lambda n: True) == 3200
