import pytest

from ser_stream.asr.base import AsrSettings, remedy, within_segment
from ser_stream.errors import InputError
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


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (AsrSettings("pocketsphinx"), "a grammar (robot-commands, or a file of yours), or use"),
        (AsrSettings("pocketsphinx", grammar="long.txt"), "a smaller grammar"),
        (AsrSettings("faster_whisper", model="base"), "use its model tiny, or pocketsphinx"),
        (AsrSettings("faster_whisper"), "use pocketsphinx with a grammar, or a GPU"),
        (AsrSettings("module:own"), "use a faster recogniser"),
    ],
)
def test_the_remedy_for_slow_recognition_is_something_faster(settings, expected):
    assert expected in remedy(settings)


@pytest.mark.parametrize(
    ("language", "code"),
    [("", ""), ("en", "en"), ("en-GB", "en"), ("YUE", "yue"), ("es_419", "es")],
)
def test_a_language_may_have_a_region(language, code):
    assert AsrSettings(language=language).language_code == code


@pytest.mark.parametrize("language", ["english", "e", "en_US.UTF-8", "zh-Hans-CN", "en-", "en\n"])
def test_what_is_no_language_code_is_refused(language):
    with pytest.raises(InputError) as error:
        AsrSettings("faster_whisper", language=language)
    assert str(error.value).startswith(f"asr language: found {language!r}; accepted are language")
