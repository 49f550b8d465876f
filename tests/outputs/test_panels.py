"""Parts of the live view."""

import pytest

from estimates import estimate
from ser_stream.outputs.panels import (
    HOW_TO_END,
    PLANE_COLUMNS,
    facts_line,
    history_lines,
    level_line,
    plane,
    problem_lines,
    title_line,
)
from ser_stream.stream.status import StreamStatus

NO_SIGNAL = (
    "no signal: all samples are the same for 5 s and longer; the microphone is muted, unplugged "
    "or broken"
)


@pytest.mark.parametrize("name", ["short.wav", "folder/" * 20 + "name.wav", "日本語" * 30])
@pytest.mark.parametrize("width", [30, 60, 80])
def test_the_title_shows_the_end_of_a_name_and_how_to_end(name, width):
    line = title_line(name, width)
    assert line.cell_len <= width
    assert line.plain.endswith(HOW_TO_END)
    assert line.plain[: -len(HOW_TO_END)].rstrip().endswith(name[-3:])


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_level_and_facts_fit_the_width(width):
    status = StreamStatus(level_dbfs=-120.0, position_s=86_400.0, windows=10**6, gaps=3, gap_s=2.5)
    assert level_line(status, width).cell_len <= width
    assert facts_line(estimate(), status, width).cell_len <= width


def test_sixty_columns_show_level_voice_and_time():
    line = level_line(StreamStatus(level_dbfs=-20.0, position_s=12.3, speaking=True), 60).plain
    for part in ("-20.0 dBFS", "speaking", "12.3 s"):
        assert part in line


def test_digital_silence_is_reported_in_lines_of_its_own():
    lines = problem_lines(StreamStatus(sound=NO_SIGNAL, no_signal=True), 60)
    assert [line.cell_len <= 60 for line in lines] == [True, True]
    assert " ".join(line.plain for line in lines) == NO_SIGNAL
    assert problem_lines(StreamStatus(), 60) == []


def test_a_problem_that_is_too_long_is_cut():
    lines = problem_lines(StreamStatus(source="word " * 100, inference="slow"), 40)
    assert len(lines) == 3
    assert lines[1].plain.endswith("…") and lines[2].plain == "inference: slow"


def test_the_history_has_a_line_per_label_that_ends_with_the_newest_score():
    scores = [{"happy": 0.0, "sad": 1.0}, {"happy": 0.5, "sad": 0.5}, {"happy": 1.0, "sad": 0.0}]
    history = [estimate(scores=each) for each in scores]
    assert history_lines(("happy", "sad"), history, 5).plain == "   ▄█\n  █▄ "
    assert history_lines(("happy", "sad"), history, 2).plain == "▄█\n▄ "


@pytest.mark.parametrize(
    ("valence", "arousal", "row", "column"),
    [(-1, 1, 0, 0), (1, -1, 6, PLANE_COLUMNS - 1), (0, 0, 3, PLANE_COLUMNS // 2), (2, -2, 6, 26)],
)
def test_the_plane_has_the_newest_estimate_at_its_place(valence, arousal, row, column):
    earlier, newest = estimate(valence=0.5, arousal=0.5), estimate(valence=valence, arousal=arousal)
    lines = plane([earlier, newest], 7).plain.splitlines()
    assert [len(line) for line in lines] == [PLANE_COLUMNS] * 7
    assert lines[row][column] == "●"
    assert "".join(lines).count("●") == "".join(lines).count("·") == 1
