"""Recorded sessions that are whole, cut off, damaged, or none."""

import json

import pytest

from ser_stream.cli import main
from ser_stream.errors import InputError
from ser_stream.sessions.read import find_session, read_session
from sessions import ESTIMATE, HEADER, SOURCE, write_session


def test_events_are_grouped_by_their_source(tmp_path):
    session = read_session(write_session(tmp_path, SOURCE, ESTIMATE, SOURCE, {"event": "end"}))
    assert [len(part.estimates) for part in session.parts] == [1, 0]
    assert session.complete and session.about.model == "tiny"


def test_the_estimate_with_words_is_that_of_the_turn(tmp_path):
    turn = ESTIMATE | {"trigger": "utterance"}
    second = turn | {"modality": "audio+text", "expression": "sad"}
    (part,) = read_session(write_session(tmp_path, SOURCE, ESTIMATE, turn, second)).parts
    assert [each.expression for each in part.turns] == ["sad"]
    assert [each.expression for each in part.intervals] == ["happy"]


def test_a_last_line_that_is_cut_off_is_left_out(tmp_path):
    folder = write_session(tmp_path, SOURCE, ESTIMATE)
    whole = (folder / "events.jsonl").read_bytes()
    (folder / "events.jsonl").write_bytes(whole + json.dumps(ESTIMATE).encode()[:40])
    session = read_session(folder)
    assert len(session.parts[0].estimates) == 1 and not session.complete


def test_keys_of_later_versions_are_left_out(tmp_path):
    session = read_session(write_session(tmp_path, SOURCE, ESTIMATE | {"new": 1}))
    assert len(session.parts[0].estimates) == 1


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"confidence": "high"}, "line 3: Expected `float`"),
        ({"valence": 3.0}, "line 3: Expected `float` <= 1"),
        ({"event": "estmate"}, "line 3: Invalid value 'estmate'"),
    ],
)
def test_a_damaged_line_is_named(tmp_path, change, found):
    folder = write_session(tmp_path, SOURCE, ESTIMATE | change)
    with pytest.raises(InputError, match="events.jsonl, " + found):
        read_session(folder)


def test_sound_is_never_looked_for_outside_the_folder(tmp_path):
    anchor = {"event": "audio", "file": "../secret.flac", "sample": 0, "time_s": 0.0}
    with pytest.raises(InputError, match="line 3"):
        read_session(write_session(tmp_path, SOURCE, anchor))


def test_a_later_format_is_refused(tmp_path):
    folder = write_session(tmp_path, header=HEADER | {"format": 2})
    with pytest.raises(InputError, match="found format 2; accepted is 1"):
        read_session(folder)


def test_of_a_folder_of_sessions_the_newest_is_found(tmp_path):
    write_session(tmp_path / "a")
    newest = write_session(tmp_path / "b")
    assert find_session(tmp_path) == newest == find_session(newest)


@pytest.mark.parametrize("kind", ["missing", "file", "empty", "binary"])
def test_an_unreadable_session_is_one_line(tmp_path, kind, capsys):
    path = tmp_path / "session"
    if kind == "file":
        path.touch()
    elif kind != "missing":
        path.mkdir()
    if kind == "binary":
        (path / "events.jsonl").write_bytes(bytes(range(256)) * 9 + b"\n")
    assert main(["review", str(path)]) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert line.startswith(f"ser-stream: error: {path}") and out == ""
