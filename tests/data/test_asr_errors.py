from collections import Counter

import numpy as np
import pytest

from ser_stream.data.asr_errors import DELETION, INSERTION, SUBSTITUTION, RecognitionErrors

TEXT = (
    "i knew that the knight had no need of a new light at night but he might have known the right "
    "way to write and i do not know why you would like to leave or live with love"
).split()
ERRORS = RecognitionErrors(Counter(TEXT))


def edit_distance(words, recognised):
    """Return the Levenshtein distance of two sequences of words."""
    row = list(range(len(recognised) + 1))
    for i, word in enumerate(words, 1):
        row, before = [i], row
        for j, other in enumerate(recognised, 1):
            row.append(min(row[-1] + 1, before[j] + 1, before[j - 1] + (word != other)))
    return row[-1]


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.1, 0.2])
def test_the_error_rate_is_as_requested(rate):
    """Measured by edit distance, where two neighbouring errors may count as one."""
    rng = np.random.default_rng(0)
    n = 400
    found = sum(edit_distance(TEXT, ERRORS.apply(TEXT, rate, rng)) for _ in range(n))
    assert found / (n * len(TEXT)) == pytest.approx(rate, rel=0.1, abs=1e-9)


def test_deletions_and_insertions_change_the_length_by_their_shares():
    rng = np.random.default_rng(0)
    lengths = [len(ERRORS.apply(TEXT, 0.4, rng)) for _ in range(400)]
    expected = len(TEXT) * (1 + 0.4 * (INSERTION - DELETION))
    assert np.mean(lengths) == pytest.approx(expected, rel=0.01)
    assert np.sum([SUBSTITUTION, DELETION, INSERTION]) == pytest.approx(1)


def test_words_are_confused_with_those_that_sound_or_are_spelt_alike():
    assert {"knight", "light", "might", "need"} <= set(ERRORS.confusions("night"))
    assert set(ERRORS.confusions("knew")) >= {"no", "new", "know"}
    assert {"leave", "live"} <= set(ERRORS.confusions("love"))
    for word in TEXT:
        assert word not in ERRORS.confusions(word)
        assert set(ERRORS.confusions(word)) <= set(TEXT)


def test_marks_are_deleted_at_the_same_rate_and_never_inserted():
    errors = RecognitionErrors(Counter([*TEXT, "?", "?"]))
    rng = np.random.default_rng(0)
    made = [errors.apply(["night", "?"], 0.3, rng) for _ in range(4000)]
    assert sum("?" in words for words in made) / 4000 == pytest.approx(0.7, abs=0.03)
    assert not any("?" in errors.apply(TEXT, 0.9, rng) for _ in range(100))


def test_a_word_remains_and_a_seed_gives_the_same_errors():
    rng = np.random.default_rng(0)
    assert all(len(ERRORS.apply(["love"], 1.0, rng)) >= 1 for _ in range(100))
    made = [ERRORS.apply(TEXT, 0.3, np.random.default_rng(7)) for _ in range(2)]
    assert made[0] == made[1] != TEXT
