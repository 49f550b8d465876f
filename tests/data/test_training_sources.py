"""Which utterances an epoch draws."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ser_stream.corpora.base import Utterance
from ser_stream.data.training_sources import UtteranceSampler


def utterances(corpus: str, counts: dict[tuple[str, str], int]) -> list[Utterance]:
    """Utterances of a corpus: (label, word) -> how many."""
    return [
        Utterance(Path(f"{label}-{word}-{i}.wav"), corpus, "s", "", label, "", text=word)
        for (label, word), n in counts.items()
        for i in range(n)
    ]


SKEWED = {("angry", "help"): 30, ("angry", "go"): 10, ("happy", "help"): 5, ("happy", "go"): 35}


def drawn(corpus: str, counts: dict[tuple[str, str], int], n: int) -> Counter:
    clips = utterances(corpus, counts)
    sampler = UtteranceSampler(clips, {corpus: 1.0})
    indices = sampler.draw(n, np.random.default_rng(0))
    return Counter((clips[i].label, clips[i].text) for i in indices)


def test_each_word_is_drawn_equally_often_with_each_label_where_words_tell_the_label():
    assert set(drawn("emospeech_in", SKEWED, 400).values()) == {100}


def test_other_corpora_keep_the_words_of_each_label_as_they_are():
    found = drawn("tess", SKEWED, 80)
    assert found == {
        ("angry", "help"): 30, ("angry", "go"): 10, ("happy", "help"): 5, ("happy", "go"): 35,
    }  # fmt: skip


def test_words_that_lack_a_label_keep_their_share_of_it():
    counts = SKEWED | {("angry", "no"): 40, ("happy", ""): 10}
    found = drawn("emospeech_in", counts, 400)
    # Half of angry is "no", a fifth of happy has no known word; the others share what is left.
    assert found[("angry", "no")] == 100 and found[("happy", "")] == 40
    assert found[("angry", "help")] == found[("angry", "go")] == 50
    assert found[("happy", "help")] == found[("happy", "go")] == 80


@pytest.mark.parametrize("corpus", ["emospeech_in", "tess"])
def test_labels_are_drawn_equally_often(corpus):
    found = drawn(corpus, {("angry", "go"): 3, ("happy", "go"): 17}, 100)
    assert found == {("angry", "go"): 50, ("happy", "go"): 50}
