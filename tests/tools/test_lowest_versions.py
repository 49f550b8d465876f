"""The lower bounds of setup.py as constraints."""

import re
from importlib.metadata import requires

import pytest

from lowest_versions import lowest_versions


def test_each_requirement_of_the_package_has_one_lower_bound():
    constraints = lowest_versions(requires("ser_stream"))
    names = [constraint.split("==")[0] for constraint in constraints]
    assert len(set(names)) == len(names)
    assert {"numpy", "onnxruntime", "torch", "scikit-learn", "cyclonedds"} <= set(names)


@pytest.mark.parametrize("requirement", ["numpy", "numpy<2", "numpy>=1.22,<2", "numpy==1.22"])
def test_a_requirement_that_is_more_or_less_than_a_lower_bound_is_an_error(requirement):
    with pytest.raises(ValueError, match=re.escape(repr(requirement))):
        lowest_versions([requirement])
