from collections import Counter

import numpy as np
import pytest

from ser_stream.data.asr_errors import DELETION, INSERTION, SUBSTITUTION, RecognitionErrors

TEXT = (
    "i knew that the knight had no need of a new light at night but he might have known the right "
    "way to write and i do not know why you would like to leave or live with love"
).split()
ERRORS = RecognitionErrors(Counter(TEXT))


def edit_distance(words, heard):
    """Levenshtein's, over words."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(words, 1):
        row, before = [i], row
        for j, other in enumerate(heard, 1):
            row.append(min(row[-1] + 1, before[j] + 1, before[j - 1] + (word != other)))
    return row[-1]


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.1, 0.2])
def test_mistakes_are_as_many_as_asked_for(rate):
    """By edit distance, of which two mistakes next to each other may cost one less."""
    rng = np.random.default_rng(0)
    n = 400
    found = sum(edit_distance(TEXT, ERRORS.make(TEXT, rate, rng)) for _ in range(n))
    assert found / (n * len(TEXT)) == pytest.approx(rate, rel=0.1, abs=1e-9)


def test_length_changes_by_what_is_deleted_and_inserted():
    rng = np.random.default_rng(0)
    lengths = [len(ERRORS.make(TEXT, 0.4, rng)) for _ in range(400)]
    expected = len(TEXT) * (1 + 0.4 * (INSERTION - DELETION))
    assert np.mean(lengths) == pytest.approx(expected, rel=0.01)
    assert np.sum([SUBSTITUTION, DELETION, INSERTION]) == pytest.approx(1)


def test_words_are_taken_for_those_that_sound_or_are_spelt_alike():
    assert {"knight", "light", "might", "need"} <= set(ERRORS.alike("night"))
    assert set(ERRORS.alike("knew")) >= {"no", "new", "know"}
    assert {"leave", "live"} <= set(ERRORS.alike("love"))
    for word in TEXT:
        assert word not in ERRORS.alike(word)
        assert set(ERRORS.alike(word)) <= set(TEXT)


def test_marks_are_lost_at_the_same_rate_and_never_made():
    errors = RecognitionErrors(Counter([*TEXT, "?", "?"]))
    rng = np.random.default_rng(0)
    made = [errors.make(["night", "?"], 0.3, rng) for _ in range(4000)]
    assert sum("?" in words for words in made) / 4000 == pytest.approx(0.7, abs=0.03)
    assert not any("?" in errors.make(TEXT, 0.9, rng) for _ in range(100))


def test_a_word_is_left_and_the_same_seed_makes_the_same_mistakes():
    rng = np.random.default_rng(0)
    assert all(len(ERRORS.make(["love"], 1.0, rng)) >= 1 for _ in range(100))
    made = [ERRORS.make(TEXT, 0.3, np.random.default_rng(7)) for _ in range(2)]
    assert made[0] == made[1] != TEXT
