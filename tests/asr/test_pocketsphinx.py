"""Real PocketSphinx on the test recordings, whose sentences are known."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_stream.asr.base import AsrSettings
from ser_stream.asr.factory import open_recognizer
from ser_stream.asr.pocketsphinx import Aligner, PocketSphinx, _file_without_name
from ser_stream.audio.speech import speech_span
from ser_stream.errors import InputError
from shared_fixtures import SPOKEN

SENTENCES = {  # of tools/make_demo_recordings.py
    "1-neutral": "The meeting begins at ten o'clock in the small room.",
    "2-happy": "That is wonderful! I am so glad that you came today!",
    "3-sad": "He is gone now. I sit here, and nobody calls.",
    "4-angry": "I told you not to touch that! Leave it alone, now!",
}
JSGF = """#JSGF V1.0;
grammar demo;
public <sentence> = the meeting begins at ten o'clock in the small room
    | that is wonderful [i am so glad that you came today]
    | he is gone now i sit here and nobody calls
    | i told you not to touch that leave it alone now;
"""
ARPA = """\\data\\
ngram 1=5
ngram 2=4

\\1-grams:
-1.0 </s>
-99 <s> -0.1
-0.7 he -0.1
-0.7 is -0.1
-0.7 gone -0.1

\\2-grams:
-0.1 <s> he
-0.1 he is
-0.1 is gone
-0.1 gone </s>

\\end\\
"""


def recording(name):
    return soundfile.read(SPOKEN / f"{name}.flac", dtype="float32")[0]


def plain(sentence):
    return sentence.lower().translate(str.maketrans("", "", ".,!")).split()


def texts(words):
    return [word.text for word in words]


def assert_in_order_within(words, start_s, end_s):
    assert words[0].start_s >= start_s
    assert words[-1].end_s <= end_s
    for word in words:
        assert 0 < word.end_s - word.start_s < 1.5
        assert 0 <= word.probability <= 1
    for before, after in itertools.pairwise(words):
        assert after.start_s >= before.end_s - 1e-6


@pytest.fixture(scope="module")
def grammar(tmp_path_factory):
    path = tmp_path_factory.mktemp("grammar") / "demo.jsgf"
    path.write_text(JSGF)
    return PocketSphinx(path)


@pytest.fixture(scope="module")
def aligner():
    return Aligner()


@pytest.mark.parametrize("name", SENTENCES)
def test_with_a_grammar_speech_gives_its_words_at_their_times(grammar, name):
    samples = recording(name)
    start, end = speech_span(samples)  # one turn; in "3-sad", two
    words = grammar.recognize(samples[start:end], start_s=100.0)
    assert texts(words) == plain(SENTENCES[name])
    assert_in_order_within(words, 100.0, 100.0 + (end - start) / 16_000)
    # Speech begins after 0.8 s of silence, and a turn 0.2 s before it and ends 0.2 s behind it.
    assert words[0].start_s + start / 16_000 - 100.0 == pytest.approx(0.8, abs=0.1)
    assert words[-1].end_s - 100.0 == pytest.approx((end - start) / 16_000 - 0.2, abs=0.25)


def test_words_do_not_depend_on_earlier_segments(grammar):
    first = grammar.recognize(recording("1-neutral"), 0.0)
    grammar.recognize(recording("3-sad") * 5, 0.0)
    assert grammar.recognize(recording("1-neutral"), 0.0) == first


def test_silence_noise_and_nothing_give_no_words(grammar):
    rng = np.random.default_rng(0)
    for samples in (np.zeros(16_000), 1e-3 * rng.standard_normal(16_000), np.zeros(0), np.ones(9)):
        assert grammar.recognize(samples.astype(np.float32), 0.0) == ()


def test_open_dictation_gives_words(grammar):
    words = open_recognizer(AsrSettings("pocketsphinx")).recognize(recording("1-neutral"), 0.0)
    assert {"o'clock", "small"} & set(texts(words))
    assert_in_order_within(words, 0.7, len(recording("1-neutral")) / 16_000)


@pytest.mark.parametrize(
    ("ending", "content"),
    [("txt", "He is gone now.\n\nCome here!\n"), ("arpa", ARPA), ("LM", ARPA)],
)
def test_sentences_and_n_grams_are_grammars_too(tmp_path, ending, content):
    path = tmp_path / f"words.{ending}"
    path.write_text(content)
    recognizer = open_recognizer(AsrSettings("pocketsphinx", grammar=str(path)))
    samples = recording("3-sad")[: round(2.2 * 16_000)]  # "He is gone now."
    assert texts(recognizer.recognize(samples, 0.0))[:3] == ["he", "is", "gone"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.jsgf", None, "no such file"),
        ("bad.jsgf", "#JSGF V1.0;\npublic nonsense", "Failed to parse JSGF"),
        ("hello.gram", "hello", "the first line is not like #JSGF V1.0;"),
        ("private.gsym", "#JSGF V1.0;\ngrammar g;\n<a> = hello;", "No public rules"),
        ("new.jsgf", "#JSGF V1.0;\ngrammar g;\npublic <a> = hi Zyzzyva;", "dictionary: Zyzzyva"),
        ("empty.txt", "\n ... \n", "found no sentence"),
        ("hello.arpa", "hello", "no n-gram model in the ARPA format"),
        ("upper.lm", "\\1-grams:\n-1 HELLO\n\\end\\", "not one word is in the English dictionary"),
        ("words.doc", "hello", "found the ending '.doc'; accepted are .jsgf"),
        ("latin.txt", b"caf\xe9", "latin.txt: 'utf-8' codec"),
    ],
)
def test_an_invalid_grammar_is_refused_with_the_reason(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as error:
        open_recognizer(AsrSettings("pocketsphinx", grammar=str(path)))
    assert message in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("name", SENTENCES)
def test_alignment_finds_a_known_text(aligner, grammar, name):
    samples = recording(name)
    alignment = aligner.align(samples, SENTENCES[name], start_s=7.0)
    assert alignment.complete
    assert alignment.unknown == ()
    assert texts(alignment.words) == SENTENCES[name].split()
    # A search of its own, of the same models: boundaries agree.
    for word, heard in zip(alignment.words, grammar.recognize(samples, 7.0), strict=True):
        assert word.start_s == pytest.approx(heard.start_s, abs=0.05)
        assert word.end_s == pytest.approx(heard.end_s, abs=0.05)


def test_an_alignment_of_sound_that_is_cut_off_is_incomplete(aligner):
    samples = recording("2-happy")[: round(2.5 * 16_000)]  # "... so glad"
    alignment = aligner.align(samples, SENTENCES["2-happy"])
    assert not alignment.complete
    assert texts(alignment.words)[:5] == ["That", "is", "wonderful!", "I", "am"]
    assert len(alignment.words) < 11


def test_an_alignment_of_another_text_is_incomplete(aligner):
    assert not aligner.align(recording("2-happy"), SENTENCES["3-sad"]).complete
    assert aligner.align(np.zeros(0, np.float32), "hello").words == ()


def test_words_that_the_dictionary_lacks_are_left_out_and_named(aligner):
    text = SENTENCES["2-happy"].replace("wonderful!", "zyzzyva!")
    alignment = aligner.align(recording("2-happy"), text)
    assert alignment.unknown == ("zyzzyva!",)
    assert not alignment.complete
    assert texts(alignment.words) == [word for word in text.split() if word != "zyzzyva!"]
    with pytest.raises(InputError, match="no word of 'Zyzzyva!' is in"):
        aligner.align(recording("2-happy"), "Zyzzyva!")


def test_temporary_files_have_no_names(tmp_path, monkeypatch):
    """Nothing is left of them where the process is killed, as it is when a stream ends."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with _file_without_name("entry\n") as path:
        assert Path(path).read_text() == "entry\n" and list(tmp_path.iterdir()) == []
        Path(path).write_text("other")
        assert Path(path).read_text() == "other"
