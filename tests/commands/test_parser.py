"""Numbers on the command line."""

import pytest

from ser_stream.cli import main

DIGITS = "9" * 5000
WRONG = ["nan", "inf", "1e400", DIGITS, "1_0", "٣", "0x10", "", " 1", "one", "x" * 5000]
OPTIONS = [
    ("listen", "--window"),
    ("listen", "--hop"),
    ("listen", "--min-speech"),
    ("listen", "--min-confidence"),
    ("listen", "--domain"),
    ("listen", "--channel"),
    ("train a.yaml", "--seed"),
    ("report he-1", "--seeds"),
    ("figures a.yaml", "--examples"),
    ("evaluate tiny", "--clips"),
    ("import-model DIR --output OUT", "--hop"),
]


@pytest.mark.parametrize("value", WRONG, ids=lambda value: value[:6])
@pytest.mark.parametrize(("command", "option"), OPTIONS, ids=lambda text: text.split()[0])
def test_a_number_that_is_none_is_an_error_of_one_line(capsys, command, option, value):
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), option, value])
    error = capsys.readouterr().err.splitlines()[-1]
    assert ended.value.code == 2 and f"argument {option}: found '{value[:6]}" in error
    assert "accepted" in error and len(error) < 300


@pytest.mark.parametrize(
    ("option", "value"), [("--channel", "32"), ("--channel", "-1"), ("--domain", "1.5")]
)
def test_numbers_out_of_range_are_refused(capsys, option, value):
    with pytest.raises(SystemExit, match="2"):
        main(["listen", option, value])
    assert f"argument {option}: found '{value}'; accepted " in capsys.readouterr().err


def test_long_arguments_are_not_repeated_whole(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["listen", "--engine", "x" * 100_000])
    assert len(capsys.readouterr().err) < 5000
