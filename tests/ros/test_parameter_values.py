"""Lines for values that are not accepted. The node that logs them is in test_declaration.py."""

from __future__ import annotations

from array import array

import pytest

from ser_stream.errors import InputError
from ser_stream.ros.parameter_values import Parameter


def refuse_odd(value):
    if value % 2:
        raise InputError(f"even: found {value}; accepted are even numbers")


CHOICE = Parameter("color", "red", "", choices=("red", "green"))
NUMBER = Parameter("length", 0.5, "", range=(0.0, 60.0))
SPECIAL = Parameter("weight", -1.0, "", range=(0.0, 0.99), special=-1.0)
COUNT = Parameter("count", 1, "", range=(1, 9))
FLAG = Parameter("flag", True, "")
TEXT = Parameter("name", "", "")
FORMED = Parameter("word", "a", "", pattern="[a-z]+", form="lower-case letters")
LIST = Parameter("names", "", "", may_be_list=True, form="names")
CHECKED = Parameter("even", 0, "", check=refuse_odd)

DECIMALS = "numbers with a decimal point from 0 to 60"
SPECIAL_DECIMALS = "numbers with a decimal point: -1, or 0 to 0.99"


@pytest.mark.parametrize(
    ("parameter", "value", "error"),
    [
        (CHOICE, "red", ""),
        (CHOICE, "blue", "color: found 'blue'; accepted are red, green"),
        (CHOICE, 3, "color: found 3 (integer); accepted are red, green"),
        (NUMBER, 60.0, ""),
        (NUMBER, 60.1, f"length: found 60.1; accepted are {DECIMALS}"),
        (NUMBER, float("nan"), f"length: found nan; accepted are {DECIMALS}"),
        (NUMBER, 1, f"length: found 1 (integer); accepted are {DECIMALS}, such as 1.0"),
        (NUMBER, 61, f"length: found 61 (integer); accepted are {DECIMALS}"),
        (NUMBER, "1.0", f"length: found '1.0' (text); accepted are {DECIMALS}"),
        (SPECIAL, -1.0, ""),
        (SPECIAL, 0.0, ""),
        (SPECIAL, -0.5, f"weight: found -0.5; accepted are {SPECIAL_DECIMALS}"),
        (SPECIAL, -1.1, f"weight: found -1.1; accepted are {SPECIAL_DECIMALS}"),
        (SPECIAL, float("nan"), f"weight: found nan; accepted are {SPECIAL_DECIMALS}"),
        (SPECIAL, -1, f"weight: found -1 (integer); accepted are {SPECIAL_DECIMALS}, such as -1.0"),
        (COUNT, 9, ""),
        (COUNT, 0, "count: found 0; accepted are whole numbers from 1 to 9"),
        (COUNT, True, "count: found true (boolean); accepted are whole numbers from 1 to 9"),
        (
            COUNT,
            3.0,
            "count: found 3.0 (number with a decimal point); accepted are whole numbers from 1 to "
            "9, such as 3",
        ),
        (FLAG, False, ""),
        (FLAG, 0, "flag: found 0 (integer); accepted are true and false"),
        (TEXT, "anything", ""),
        (TEXT, 2, 'name: found 2 (integer); accepted is text in quotes, such as "2"'),
        (TEXT, False, "name: found false (boolean); accepted is text in quotes"),
        (TEXT, ["a", "b"], "name: found ['a', 'b'] (list); accepted is text in quotes"),
        (TEXT, None, "name: found nothing; accepted is text"),
        (FORMED, "abc", ""),
        (FORMED, "Abc", "word: found 'Abc'; accepted are lower-case letters"),
        (FORMED, 1, "word: found 1 (integer); accepted are lower-case letters"),
        (LIST, "a b", ""),
        (LIST, ["a"], ""),
        (LIST, None, ""),
        (LIST, 3, "names: found 3 (integer); accepted are names"),
        (TEXT, array("q", [1]), "name: found [1] (list); accepted is text in quotes"),
        (CHECKED, 2, ""),
        (CHECKED, 3, "even: found 3; accepted are even numbers"),
    ],
)
def test_the_line_names_the_parameter_what_was_found_and_what_is_accepted(parameter, value, error):
    assert parameter.error(value) == error


def test_a_long_value_is_cut():
    assert len(TEXT.error([1] * 1000)) < 200


@pytest.mark.parametrize(
    ("parameter", "accepted"),
    [
        (CHOICE, "`red`, `green`"),
        (NUMBER, "0 to 60"),
        (SPECIAL, "-1, or 0 to 0.99"),
        (FLAG, "true, false"),
        (TEXT, "text"),
        (FORMED, "lower-case letters"),
        (LIST, "list of texts, or text with spaces"),
    ],
)
def test_the_documentation_says_what_is_accepted(parameter, accepted):
    assert parameter.accepted == accepted


def test_the_outer_range_includes_the_special_number():
    assert SPECIAL.outer_range == (-1.0, 0.99)
    assert NUMBER.outer_range == (0.0, 60.0)
    assert TEXT.outer_range is None
