"""YAML that is not trusted."""

import pytest

from ser_stream.errors import InputError
from ser_stream.strict_yaml import MAX_BYTES, parse_yaml, read_yaml

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "not YAML, line 2: found the alias *a; write the value out instead"),
        ("a: &a [*a]", "not YAML, line 1: found the alias *a"),
        ("[" * 50_000, "not YAML, line 1: nested deeper than 16 lists and mappings"),
        ("- " * 5000, "not YAML, line 1: nested deeper than 16"),
        ("a: 1\nb: 2\na: 3", "not YAML, line 3: found 'a' twice in one mapping"),
        ("yes: 1\ntrue: 2", "not YAML, line 1: found a key twice in one mapping"),
        ("b:\n  a: 2\n  <<: {a: 1}", "not YAML, line 2: found a key twice in one mapping"),
        ("? [a]\n: b", "not YAML, line 1: found a list or a mapping as a key"),
        ("a: !!python/object/apply:os.system [id]", "not YAML, line 1: found a tag"),
        ("a: !!set {b}", "not YAML, line 1: found a tag"),
        ("a: " + "9" * 5000, "not YAML, line 1: found the number '9999"),
        ("a: 0x" + "f" * 5000, "not YAML, line 1: found the number '0xff"),
        ("a: 010", "not YAML, line 1: found the number '010'; accepted are decimal numbers"),
        ("a: 1:30", "not YAML, line 1: found the number '1:30'"),
        ("a: .nan", "not YAML, line 1: found the number '.nan'; accepted are finite"),
        ("a: 1.0e+400", "not YAML, line 1: found the number '1.0e+400'"),
        ("a: 1:30.5", "not YAML, line 1: found the number '1:30.5'"),
        ("a: [1, 2", "not YAML, line 1: "),
        ("a: \x00", "not YAML: unacceptable character"),
        ("---\na\n---\nb", "not YAML, line 3: "),
    ],
)
def test_what_is_not_accepted_is_an_error_of_one_line(text, message):
    with pytest.raises(InputError) as error:
        parse_yaml(text, "recipe a.yaml")
    found = str(error.value)
    assert found.startswith(f"recipe a.yaml: {message}") and "\n" not in found
    assert len(found) < 300


def test_plain_data_is_read():
    text = "a: 1\nb: [1.5, -2, true, null, text]\nc: {d: 'e'}\nf: 2038-01-20\ng: ü\n"
    assert parse_yaml(text, "a") == {
        "a": 1, "b": [1.5, -2, True, None, "text"], "c": {"d": "e"}, "f": "2038-01-20", "g": "ü",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"#" * (MAX_BYTES + 1), f"found {MAX_BYTES + 1} bytes; accepted are {MAX_BYTES} at most"),
        (b"\xff\xfe\x00", "not YAML: not UTF-8"),
    ],
)
def test_large_files_and_other_encodings_are_refused(tmp_path, content, message):
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_yaml(tmp_path / "a.yaml", "recipe a.yaml")


@pytest.mark.parametrize("name", ["missing.yaml", "nu\0ll.yaml", "x" * 5000, "/dev/zero", "."])
def test_what_is_no_file_is_named(tmp_path, name):
    with pytest.raises(InputError, match=r"(recipe a|/dev/zero): "):
        read_yaml(tmp_path / name, "recipe a")
