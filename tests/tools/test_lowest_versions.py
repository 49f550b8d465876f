"""The lower bounds of setup.py as constraints."""

import re
from importlib.metadata import requires

import pytest

from lowest_versions import lowest_versions


def names(constraints):
    return [constraint.split("==")[0] for constraint in constraints]


def test_the_package_has_a_lower_bound_for_each_requirement():
    base = names(lowest_versions(requires("ser_stream")))
    assert {"numpy", "onnxruntime", "soxr"} <= set(base)
    assert "torch" not in base
    everything = names(lowest_versions(requires("ser_stream"), ["test"]))
    assert {*base, "torch", "scikit-learn", "cyclonedds", "pytest"} <= set(everything)
    assert len(set(everything)) == len(everything)


def test_the_highest_of_several_bounds_counts():
    requirements = ["rich>=9.0", "rich>=12.6; extra == 'a'", 'rich>=10.0; extra == "a"']
    assert lowest_versions(requirements) == ["rich==9.0"]
    assert lowest_versions(requirements, ["a"]) == ["rich==12.6"]
    condition = 'dds>=1.0; (sys_platform != "linux") and extra == "b"'
    assert lowest_versions([condition], ["b"]) == ["dds==1.0"]
    assert lowest_versions([condition]) == []


@pytest.mark.parametrize("requirement", ["numpy", "numpy<2", "numpy>=1.22,<2", "numpy==1.22"])
def test_a_requirement_that_is_more_or_less_than_a_lower_bound_is_an_error(requirement):
    with pytest.raises(ValueError, match=re.escape(repr(requirement))):
        lowest_versions([requirement])
