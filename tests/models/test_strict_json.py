"""JSON that is not trusted."""

import pytest

from ser_stream.errors import InputError
from ser_stream.models.strict_json import MAX_BYTES, read_json


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON: Expecting value"),
        (b'{"a": NaN}', "not JSON: found NaN; accepted are finite numbers"),
        (b'{"a": -Infinity}', "not JSON: found -Infinity; accepted are finite numbers"),
        (b'{"a": 1e999}', "not JSON: found '1e999'; accepted are finite numbers"),
        (b'{"a": ' + b"1" * 5000 + b"}", "not JSON: Exceeds the limit"),
        (b'{"a": 1, "b": 2, "a": 3}', "not JSON: found 'a' twice in one object"),
        (b'{"a": "\\ud800"}', r"not JSON: found the text '\\ud800'; accepted are texts without"),
        (b'{"a\\u001b[2J": 1}', r"not JSON: found the text 'a\\x1b\[2J'; accepted are texts"),
        (b"[" * 20 + b"]" * 20, "not JSON: nested deeper than 16 lists and objects"),
        (b"[" * 100_000, "not JSON: "),
        (b'{"a": "\xff"}', "not JSON: not UTF-8"),
        (b" " * (MAX_BYTES + 1), f"found {MAX_BYTES + 1} bytes; accepted are {MAX_BYTES} at most"),
    ],
)
def test_what_is_not_accepted_is_an_error_of_one_line(tmp_path, content, message):
    path = tmp_path / "model.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^{path}: {message}") as error:
        read_json(path)
    assert "\n" not in str(error.value)


def test_numbers_and_texts_of_any_language_are_read(tmp_path):
    path = tmp_path / "model.json"
    path.write_text('{"a": [1, -2.5e-3, true, null], "ü": "日本語\\n"}', encoding="utf-8")
    assert read_json(path) == {"a": [1, -0.0025, True, None], "ü": "日本語\n"}


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"model.json: No such file"):
        read_json(tmp_path / "model.json")
