"""Estimates as lines."""

import pytest
from rich.color import Color, ColorSystem, ColorType

from estimates import estimate
from ser_stream.emotion import EMOTIONS
from ser_stream.outputs.lines import COLOURS, GOOD, PROBLEM, WARNING, estimate_line

MIN_CONTRAST = 3.0
"""That of large text and graphics (WCAG 2.2, 1.4.3 and 1.4.11)."""


def luminance(triplet):
    """Relative luminance as WCAG 2.2 defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in triplet]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("style", [*COLOURS.values(), GOOD, PROBLEM, WARNING])
def test_colours_are_readable_on_black_and_on_white(style):
    colour = Color.parse(style.split()[-1])
    if colour.type is ColorType.DEFAULT:
        return  # the terminal's own
    light = luminance(colour.get_truecolor().normalized)
    assert (light + 0.05) / 0.05 >= MIN_CONTRAST  # black
    assert 1.05 / (light + 0.05) >= MIN_CONTRAST  # white


@pytest.mark.parametrize("style", COLOURS.values())
def test_no_colour_becomes_white_or_black_where_there_are_sixteen(style):
    colour = Color.parse(style).downgrade(ColorSystem.STANDARD)
    assert colour.number not in (0, 7, 15)


def test_every_emotion_has_a_colour_of_its_own():
    assert set(COLOURS) == set(EMOTIONS)
    assert len(set(COLOURS.values())) == len(EMOTIONS)


def test_an_estimate_that_abstains_shows_its_guess_in_brackets_and_why():
    unsure = estimate_line(estimate(expression="", reason="unsure")).plain
    short = estimate_line(estimate(expression="", reason="short")).plain
    assert "(happy?)" in unsure and "unsure" in unsure and "too short" not in unsure
    assert "(happy?)" in short and "too short" in short and "unsure" not in short


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
@pytest.mark.parametrize("words", [0, 3, 30])
def test_a_line_is_as_wide_as_asked_for_at_most(width, words):
    spoken = tuple({"text": f"日本{number}"} for number in range(words))
    line = estimate_line(estimate(words=spoken, clipped=True), width)
    assert line.cell_len <= width


def test_sixty_columns_have_times_emotion_confidence_and_reason():
    line = estimate_line(estimate(expression="", reason="short"), 60).plain
    for part in ("1.23 -", "6.00 s", "(happy?)", "61%", "too short"):
        assert part in line


def test_words_are_more_important_than_valence():
    words = tuple({"text": word} for word in "he is gone now".split())
    line = estimate_line(estimate(words=words), 80).plain
    assert line.endswith("he is gone now") and "valence" not in line
    assert "valence" in estimate_line(estimate(), 80).plain
