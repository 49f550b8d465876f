import dataclasses
import itertools

import pytest

from ser_stream.corpora.base import Utterance
from ser_stream.data.forced_alignment import align
from ser_stream.errors import InputError


def test_forced_alignment_finds_the_times_of_words(speech_path, tmp_path):
    """2-happy.flac is one sentence between 0.8 s of silence on both sides."""
    text = "That is wonderful! I am so glad that you came today!"
    utterance = Utterance(speech_path, "demo", "someone", "", "happy", "en", text=text)
    (found,) = align([utterance], tmp_path)
    assert [word.text for word in found.words] == text.split()
    assert 0.6 < found.words[0].start_s < 1.2
    assert all(a.end_s <= b.start_s + 0.02 for a, b in itertools.pairwise(found.words))
    assert align([utterance], tmp_path)[0] == found  # from the disk
    with pytest.raises(InputError, match="in 'pl' to align; accepted are English texts"):
        align([dataclasses.replace(utterance, language="pl")], tmp_path)
