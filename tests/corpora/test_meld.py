"""MELD, on a miniature in the layout of MELD.Raw after its archives are unpacked."""

import pytest

from corpus_files import sound, text
from ser_stream.corpora import meld
from ser_stream.errors import InputError

COLUMNS = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,"
    "EndTime\r\n"
)
FOLDERS = {
    "train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test",
}  # fmt: skip


def row(speaker="Phoebe", emotion="joy", dialogue=0, utterance=0, said="Oh, my God."):
    times = '"00:20:57,256","00:21:00,049"'
    return f'1,"{said}",{speaker},{emotion},positive,{dialogue},{utterance},4,7,{times}\r\n'


def raw(root, unpacked_into_own_folder=False, **rows):
    """MELD.Raw: one utterance in each part, or the rows that are given, all with sound."""
    for part, folder in FOLDERS.items():
        place = root / part if unpacked_into_own_folder else root
        text(root / f"{part}_sent_emo.csv", COLUMNS + "".join(rows.get(part, [row()])))
        sound(place / folder / "dia0_utt0.wav")
    return root


@pytest.mark.parametrize("folder", ["MELD.Raw", "."])
@pytest.mark.parametrize("unpacked_into_own_folder", [False, True])
def test_all_parts_are_read_and_told_apart(tmp_path, folder, unpacked_into_own_folder):
    raw(tmp_path / folder, unpacked_into_own_folder)
    utterances = meld.read(tmp_path)
    assert [u.session for u in utterances] == ["train", "dev", "test"]
    assert len({u.key for u in utterances}) == 3
    first = utterances[0]
    assert first.key == "meld/train/dia0_utt0"
    assert (first.speaker, first.label, first.text) == ("meld-Phoebe", "happy", "Oh, my God.")


def test_all_seven_emotions_have_a_place(tmp_path):
    names = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
    raw(tmp_path, train=[row(emotion=name, utterance=n) for n, name in enumerate(names)])
    for n in range(len(names)):
        sound(tmp_path / "train_splits" / f"dia0_utt{n}.flac")
    (tmp_path / "train_splits" / "dia0_utt0.wav").unlink()
    labels = [u.label for u in meld.read(tmp_path) if u.session == "train"]
    assert labels == ["neutral", "surprise", "fear", "sad", "happy", "disgust", "angry"]


def test_quotes_in_another_encoding_do_not_hinder(tmp_path):
    raw(tmp_path)
    content = COLUMNS + row(said="Oh my God, he\u2019s lost it.")
    (tmp_path / "dev_sent_emo.csv").write_bytes(content.encode("cp1252"))
    assert meld.read(tmp_path)[1].text == "Oh my God, he\ufffds lost it."


def test_video_alone_is_counted_and_the_error_says_how_to_extract_its_sound(tmp_path):
    raw(tmp_path, test=[row(dialogue=number) for number in range(6)])
    for number in range(1, 6):
        text(tmp_path / "output_repeated_splits_test" / f"dia{number}_utt0.mp4", b"video")
    with pytest.raises(
        InputError,
        match=r"output_repeated_splits_test: .* missing: 5 \(dia1_utt0, dia2_utt0, dia3_utt0, "
        r"\.\.\.\); .*into the same folder: ffmpeg -i dia0_utt0\.mp4 dia0_utt0\.wav",
    ):
        meld.read(tmp_path)


def test_the_two_gaps_of_the_distribution_are_left_out_where_they_are_gaps(tmp_path):
    raw(
        tmp_path,
        train=[row(), row(dialogue=125, utterance=3)],
        dev=[row(), row(dialogue=110, utterance=7)],
    )
    assert len(meld.read(tmp_path)) == 3
    sound(tmp_path / "train_splits" / "dia125_utt3.wav")  # somebody cut it anew
    assert len(meld.read(tmp_path)) == 4


def test_a_gap_of_one_part_is_none_of_another(tmp_path):
    raw(tmp_path, test=[row(), row(dialogue=125, utterance=3)])
    with pytest.raises(InputError, match=r"test: .* missing: 1 \(dia125_utt3\); "):
        meld.read(tmp_path)


def test_a_label_that_is_not_known_is_named_with_its_line(tmp_path):
    raw(tmp_path, dev=[row(), row(emotion="smug")])
    with pytest.raises(InputError, match=r"dev_sent_emo\.csv, line 3: .*'smug'"):
        meld.read(tmp_path)


def test_an_utterance_that_is_listed_twice_is_named(tmp_path):
    raw(tmp_path, train=[row(), row()])
    with pytest.raises(InputError, match=r"meld/train/dia0_utt0 is in the corpus twice"):
        meld.read(tmp_path)


@pytest.mark.parametrize(
    "name", ["train_sent_emo.csv", "dev_splits_complete", "output_repeated_splits_test"]
)
def test_a_missing_table_or_folder_is_named(tmp_path, name):
    path = raw(tmp_path) / name
    path.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=rf"no {name}, nor \w+/{name}; MELD is read from"):
        meld.read(tmp_path)


def test_a_table_of_another_kind_says_which_columns_are_missing(tmp_path):
    text(raw(tmp_path) / "train_sent_emo.csv", "Utterance;Speaker;Emotion\n")
    with pytest.raises(InputError, match=r"train_sent_emo\.csv: no column Utterance, Speaker"):
        meld.read(tmp_path)
