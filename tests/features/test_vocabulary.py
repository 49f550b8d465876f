import numpy as np
import pytest

from ser_stream.errors import InputError
from ser_stream.features.vocabulary import (
    UNKNOWN,
    Vocabulary,
    count_words,
    read_word_vectors,
    spelling,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'M", "i'm"), ("I\u2019M", "i'm"), (" Apple,", "apple"), ("the(2)", "the"),
        ("'cause", "'cause"), ("so-called", "so-called"), ("Gr\u00fc\u00dfe!", "gr\u00fc\u00dfe"),
        ("--", ""), ("", ""),
    ],
)  # fmt: skip
def test_spelling(text, expected):
    assert spelling(text) == expected
    assert spelling(expected) == expected


def test_numbers_are_the_words_places_and_unknown_words_share_one():
    vocabulary = Vocabulary(["like", "apple"])
    assert vocabulary.numbers(["apple", "like", "pear", "", "plum"]).tolist() == [
        3, 2, UNKNOWN, UNKNOWN, UNKNOWN,
    ]  # fmt: skip
    assert vocabulary.numbers([]).dtype == np.int64


def test_words_are_counted_in_any_spelling_and_rare_ones_stay_unknown():
    sentences = [["I", "like", "apples."], ["you", "LIKE", "i", "..."], ["like", "..."]]
    assert count_words(sentences).words == ("like", "i")
    assert count_words(sentences, min_count=1).words == ("like", "i", "apples", "you")


def test_words_that_can_never_be_found_are_an_error():
    with pytest.raises(InputError, match="found 'like' twice"):
        Vocabulary(["like", "i", "like"])
    with pytest.raises(InputError, match="found 'Like', expected 'like'"):
        Vocabulary(["Like"])


def test_reads_the_vectors_of_known_words_from_gloves_format(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("like 1 -2.5\n. . . 0 0\npear 3 4\n", encoding="utf-8")
    vectors = read_word_vectors(path, ["like", "apple"], dimension=2)
    assert {word: vector.tolist() for word, vector in vectors.items()} == {"like": [1.0, -2.5]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"like 1 2 3\nlike 1 2\n", "line 2: found 2 values, expected a word and 3"),
        (b"like 1 2 x\n", "not a text file of word vectors"),
        (b"\xff\xfe\x00", "not a text file of word vectors"),
    ],
)
def test_a_file_of_something_else_is_named(tmp_path, content, message):
    path = tmp_path / "glove.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"glove.txt.*{message}"):
        read_word_vectors(path, ["like"], dimension=3)
    with pytest.raises(InputError, match="No such file"):
        read_word_vectors(tmp_path / "absent.txt", ["like"])
