import pytest

from corpus_files import sound, text
from ser_stream.corpora import emotiontts_kr
from ser_stream.errors import InputError


def test_the_hundreds_of_a_sentence_stand_for_its_emotion(tmp_path):
    for number in (1, 100, 101, 200, 201, 301, 400):
        sound(tmp_path / f"nek{number:05d}.wav")
    utterances = emotiontts_kr.read(tmp_path)
    assert [(int(u.path.stem[3:]), u.label) for u in utterances] == [
        (1, "neutral"), (100, "neutral"), (101, "happy"), (200, "happy"), (201, "sad"),
        (301, "angry"), (400, "angry"),
    ]  # fmt: skip
    assert {(u.speaker, u.gender, u.language) for u in utterances} == {
        ("emotiontts_kr-nek", "m", "ko")
    }


def test_texts_are_read_from_the_scripts_of_the_distribution(tmp_path):
    sound(tmp_path / "ema" / "wav" / "ema00001.wav")
    text(tmp_path / "ema" / "script" / "ema00001.txt", "주연 배우\n")
    sound(tmp_path / "neb" / "wav" / "neb00101.wav")
    first, second = emotiontts_kr.read(tmp_path)
    assert (first.text, first.gender) == ("주연 배우", "f")
    assert (second.text, second.speaker) == ("", "emotiontts_kr-neb")


def test_texts_of_a_flat_folder_are_those_of_the_index_beside_it(tmp_path):
    sound(tmp_path / "kr" / "ema00001.wav")
    text(
        tmp_path / "index.csv",
        "path,corpus,text\nkr/ema00001.opus,emotiontts_kr,주연 배우\nx/ema00001.opus,other,no\n",
    )
    assert [u.text for u in emotiontts_kr.read(tmp_path / "kr")] == ["주연 배우"]


@pytest.mark.parametrize("number", ["00000", "00401"])
def test_a_sentence_without_an_emotion_is_refused(tmp_path, number):
    path = sound(tmp_path / f"ema{number}.wav")
    with pytest.raises(InputError, match=f"{path}: not an EmotionTTS file name"):
        emotiontts_kr.read(tmp_path)


def test_the_corpus_agrees_with_its_index(corpora_root):
    utterances = emotiontts_kr.read(corpora_root / "emotiontts_kr")
    rows = emotiontts_kr.index_rows(corpora_root / "emotiontts_kr", "emotiontts_kr")
    assert len(utterances) == len(rows) == 300
    assert len({u.speaker for u in utterances}) == 15
    for utterance in utterances:
        row = rows[utterance.path.stem]
        assert (utterance.label, utterance.gender) == (row["emotion"], row["gender"])
        assert utterance.text == row["text"] != ""
