"""The table of a user's own clips."""

import pytest

from corpus_files import sound, text
from ser_stream.corpora import own
from ser_stream.errors import InputError


def test_a_table_names_clips_from_its_own_folder(tmp_path):
    sound(tmp_path / "a" / "1.wav")
    sound(tmp_path / "2.wav")
    rows = f"path,label,speaker\na/1.wav,Anger,Ann\n{tmp_path / '2.wav'},neutral,\n"
    table = text(tmp_path / "labels.csv", rows)
    assert own.read(tmp_path) == own.read(table)
    first, second = own.read(table)
    assert (first.label, first.speaker, first.path) == ("angry", "Ann", tmp_path / "a" / "1.wav")
    assert (second.label, second.speaker) == ("neutral", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,emotion\n1.wav,sad\n", "no column label"),
        ("path,label\n", "lists no clips"),
        ("path,label\n1.wav,grumpy\n", "line 2.*grumpy"),
        ("path,label\n3.wav,sad\n", "line 2: found path .3.wav., where no file is"),
        (
            "path,label\n1.wav,sad\n1.wav,happy\n",
            "line 3: path '1.wav' is .* twice; .* line 2",
        ),
    ],
)
def test_an_invalid_table_is_refused_with_the_line_and_reason(tmp_path, content, message):
    sound(tmp_path / "1.wav")
    with pytest.raises(InputError, match=message):
        own.read(text(tmp_path / "mine.csv", content))
