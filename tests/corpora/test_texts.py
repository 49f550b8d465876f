"""GoEmotions and MELD as texts, on miniatures in their layouts, and on the corpora themselves."""

from collections import Counter

import pytest

from corpus_files import text
from ser_stream.corpora.texts import (
    GOEMOTIONS,
    LabelledText,
    read_goemotions,
    read_meld,
    read_texts,
)
from ser_stream.emotion import BASIC_EMOTIONS
from ser_stream.errors import InputError
from ser_stream.features.spoken import spoken_words
from ser_stream.features.vocabulary import spelling

MELD = "Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID\n"


def goemotions(root, labels="anger\njoy\nneutral", names="labels.txt", **parts):
    text(root / names, labels)
    for part in ("train", "dev", "test"):
        text(root / f"{part}.tsv", parts.get(part, 'So "good"!\t1\tid0\n'))
    return root


# Readers


def test_goemotions_with_several_labels_in_order_of_its_numbers(tmp_path):
    root = goemotions(tmp_path, train="Oh, no\t0,2\tid1\nYes\t1\tid2\n")
    texts = read_goemotions(root)
    assert texts[:2] == [
        LabelledText("Oh, no", ("angry", "neutral"), "train", "goemotions"),
        LabelledText("Yes", ("happy",), "train", "goemotions"),
    ]
    assert [t.part for t in texts] == ["train", "train", "dev", "test"]
    assert [t.label for t in texts] == [None, "happy", "happy", "happy"]
    assert texts[2].text == 'So "good"!'


def test_goemotions_as_its_authors_distribute_it(tmp_path):
    goemotions(tmp_path / "data", names="emotions.txt", labels="admiration\r\ngrief\r\n")
    assert read_goemotions(tmp_path)[0].emotions == ("sad",)


def test_every_label_has_one_basic_emotion_and_every_basic_emotion_a_label():
    """Demszky et al.: 27 emotions and neutral. Counts of their grouping by Ekman's emotions."""
    assert len(GOEMOTIONS) == 28
    assert Counter(GOEMOTIONS.values()) == {
        "happy": 12, "sad": 5, "surprise": 4, "angry": 3, "fear": 2, "disgust": 1, "neutral": 1,
    }  # fmt: skip
    assert set(GOEMOTIONS.values()) == set(BASIC_EMOTIONS)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"labels": "joy\nmirth"}, r"labels\.txt: found mirth; accepted are neutral, admiration"),
        ({"labels": ""}, "found no label"),
        ({"dev": "Yes\t1\n"}, r"dev\.tsv, line 1: found 2 columns; GoEmotions is read from"),
        ({"dev": "Yes\t1\tid\n\nNo\t3\tid\n"}, r"line 3: found labels '3'; accepted .* 0 to 2"),
        ({"dev": "Yes\tjoy\tid\n"}, "line 1: found labels 'joy'"),
        ({"dev": "Yes\t-1\tid\n"}, "found labels '-1'"),
    ],
)
def test_a_file_that_is_not_goemotions_is_named(tmp_path, parts, message):
    goemotions(tmp_path, **parts)
    with pytest.raises(InputError, match=message):
        read_goemotions(tmp_path)


def test_a_missing_part_or_folder_is_named(tmp_path):
    (goemotions(tmp_path) / "test.tsv").unlink()
    with pytest.raises(InputError, match=r"test\.tsv: No such file.*GoEmotions is read from"):
        read_goemotions(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_goemotions(tmp_path / "absent")
    with pytest.raises(InputError, match="found 'tweets'; accepted are goemotions, meld"):
        read_texts(tmp_path, ["tweets"])


def test_meld_is_read_from_its_tables_alone(tmp_path):
    for part, emotion in (("train", "joy"), ("dev", "anger"), ("test", "sadness")):
        text(
            tmp_path / "MELD.Raw" / f"{part}_sent_emo.csv", f'{MELD}"Oh, no!",Joey,{emotion},0,0\n'
        )
    assert read_meld(tmp_path) == [
        LabelledText("Oh, no!", ("happy",), "train", "meld"),
        LabelledText("Oh, no!", ("angry",), "dev", "meld"),
        LabelledText("Oh, no!", ("sad",), "test", "meld"),
    ]
    text(tmp_path / "MELD.Raw" / "dev_sent_emo.csv", f"{MELD}No,Joey,smug,0,0\n")
    with pytest.raises(InputError, match=r"dev_sent_emo\.csv, line 2: .*'smug'"):
        read_meld(tmp_path)


# What is spoken


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Oh, my God! He\u2019s lost it.", ["oh", "my", "god", "he's", "lost", "it"]),
        ("You\u0092re NOT\u2014ever\u2026going", ["you're", "not", "ever", "going"]),
        ("\u2018Where\u2019s number 27?!\u2019", ["where's", "number", "27"]),
        ("Nooooo! Loooove it \U0001f602 :)", ["no", "loove", "it"]),
        ("see https://a.b/c or /r/funny &amp; www.x.y", ["see", "or"]),
        ("Gr\u00fc\u00dfe", ["gr\u00fc\u00dfe"]),
        ("\U0001f602 ...", []),
    ],
)
def test_words_are_as_a_recogniser_writes_them(written, expected):
    assert spoken_words(written) == expected
    assert [spelling(word) for word in expected] == expected


def test_punctuation_marks_are_separate_words_on_request():
    assert spoken_words("?! What?! [NAME]!!! 'Why?' he said.", marks=True)[:2] == ["what", "?"]
    assert spoken_words("Hey!! 'Why?' he said.", marks=True) == "hey ! why ? he said".split()
    assert spoken_words("?!", marks=True) == []
    assert [spelling(mark) for mark in "?!."] == ["?", "!", ""]


def test_placeholders_become_names_which_are_the_same_each_time():
    words = spoken_words("[NAME] and [NAME] are [RELIGION]")
    assert words == spoken_words("[NAME] and [NAME] are [RELIGION]")
    assert words[1] == "and" and words[3] == "are"
    assert not {"name", "religion"} & set(words)
    assert len({spoken_words(f"{n} [NAME]")[1] for n in range(50)}) > 5


def test_a_text_without_words_is_one_word_of_unknown_spelling():
    assert LabelledText("\U0001f602", ("happy",), "train", "").words() == [""]


# The corpora


@pytest.mark.parametrize(
    ("corpus", "read", "sizes"),
    [
        ("goemotions", read_goemotions, {"train": 43_410, "dev": 5_426, "test": 5_427}),
        ("meld", read_meld, {"train": 9_989, "dev": 1_109, "test": 2_610}),
    ],
)
def test_parts_have_the_published_sizes_and_all_labels(corpora_root, corpus, read, sizes):
    texts = read(corpora_root / "text" / corpus)
    assert Counter(t.part for t in texts) == sizes
    assert {emotion for t in texts for emotion in t.emotions} == set(BASIC_EMOTIONS)


def test_parts_of_goemotions_share_no_comment(corpora_root):
    ids = {}
    for part in ("train", "dev", "test"):
        path = corpora_root / "text" / "goemotions" / f"{part}.tsv"
        ids[part] = [line.split("\t")[2] for line in path.read_text("utf-8").splitlines()]
    assert len(set().union(*ids.values())) == sum(map(len, ids.values()))


def test_the_map_is_the_one_of_goemotions_own_ekman_labels(corpora_root):
    fine = read_goemotions(corpora_root / "text" / "goemotions")
    coarse = read_goemotions(corpora_root / "text" / "goemotions-ekman")
    assert [set(t.emotions) for t in fine] == [set(t.emotions) for t in coarse]
