"""Limits of the options of networks."""

import pytest

from ser_stream.errors import InputError
from ser_stream.models.options import checked_options, option_types
from ser_stream.models.registry import architectures, network_class


@pytest.mark.parametrize("architecture", architectures())
def test_numbers_among_the_options_have_limits(architecture):
    """A huge number is refused before a network of that size is built."""
    network = network_class(architecture)
    for name, kind in option_types(network).items():
        if kind in (bool, str) or name == "vocabulary":
            continue
        for huge in (10**9, [10**9] * 4, [10**9] * 2):
            with pytest.raises(InputError, match=f"^options: {name}(\\[0\\])?: found "):
                checked_options(network, {name: huge}, "options")


def test_a_list_of_json_and_a_tuple_of_python_are_the_same():
    network = network_class("causal_crnn")
    for channels in ([4, 4, 8, 8], (4, 4, 8, 8)):
        found = checked_options(network, {"channels": channels}, "options")
        assert found == {"channels": (4, 4, 8, 8)}


def test_an_option_of_a_base_has_its_limits_too():
    with pytest.raises(InputError, match="heads: found 65; accepted is a whole number, 1 to 64"):
        checked_options(network_class("ilt"), {"heads": 65}, "options")


def test_an_option_that_does_not_exist_is_left_to_the_constructor():
    assert checked_options(network_class("ilt"), {"wings": 2}, "options") == {"wings": 2}
