from ser_stream.asr.base import within_segment
from ser_stream.words import Word


def test_words_are_cut_to_their_segment():
    words = [
        Word("early", -8.0, 0.5), Word("before", -9.0, -8.0), Word("none", 0.5, 0.5),
        Word("back", 0.3, 0.7), Word("late", 0.9, 4.0), Word("behind", 1.0, 2.0),
    ]  # fmt: skip
    cut = [
        (w.text, round(w.start_s, 3), round(w.end_s, 3)) for w in within_segment(words, 0, 16000)
    ]
    assert cut == [
        ("early", 0.0, 0.5), ("none", 0.5, 0.51), ("back", 0.5, 0.7), ("late", 0.9, 1.0),
    ]  # fmt: skip
