"""Readers, on miniatures in each corpus's real layout, and on the corpora where they are.

IEMOCAP and MELD, which are more than names of files, have test modules of their own.
"""

import re

import pytest

from corpus_files import sound, text
from ser_stream.corpora import cremad, emodb, esc10, iemocap, meld, nemo, ravdess, savee, tess
from ser_stream.corpora.registry import get_corpus, read_corpora
from ser_stream.errors import InputError

NEMO_COLUMNS = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"


def test_ravdess_names_are_decoded(tmp_path):
    sound(tmp_path / "Actor_02" / "03-01-06-02-01-02-02.wav")
    (utterance,) = ravdess.read(tmp_path)
    assert (utterance.label, utterance.intensity) == ("fear", "strong")
    assert (utterance.speaker, utterance.gender) == ("ravdess-02", "f")
    assert utterance.text == "Kids are talking by the door"
    assert utterance.key == "ravdess/03-01-06-02-01-02-02"


@pytest.mark.parametrize("folder", ["AudioWAV", "."])
def test_cremad_is_read_from_its_folder_or_flat(tmp_path, folder):
    sound(tmp_path / folder / "1001_IEO_DIS_HI.wav")
    (utterance,) = cremad.read(tmp_path)
    assert (utterance.label, utterance.speaker) == ("disgust", "cremad-1001")
    assert (utterance.intensity, utterance.text) == ("strong", "It's eleven o'clock")


def test_cremad_takes_gender_from_its_own_table(tmp_path):
    sound(tmp_path / "AudioWAV" / "1002_DFA_ANG_XX.wav")
    (tmp_path / "VideoDemographics.csv").write_text(
        "ActorID,Age,Sex,Race,Ethnicity\n1002,21,Female,Caucasian,Not Hispanic\n"
    )
    assert cremad.read(tmp_path)[0].gender == "f"


@pytest.mark.parametrize("folder", ["samples", "."])
def test_nemo_takes_labels_and_texts_from_its_table(tmp_path, folder):
    sound(tmp_path / folder / "WR0_surprised_64.wav")
    row = "WR0_surprised_64.wav\tsurprised\tUcho wykrywa dźwięki.\tucho\t WR0\tmale\t23\n"
    text(tmp_path / "data.tsv", NEMO_COLUMNS + row)
    (utterance,) = nemo.read(tmp_path)
    assert (utterance.label, utterance.speaker, utterance.gender) == ("surprise", "nemo-WR0", "m")
    assert (utterance.text, utterance.language) == ("Ucho wykrywa dźwięki.", "pl")


@pytest.mark.parametrize("folder", ["wav", "."])
def test_emodb_names_are_decoded_and_the_bored_left_out(tmp_path, folder):
    for name in ("03a01Fa.wav", "08b10Wb.wav", "16a05Lb.wav"):
        sound(tmp_path / folder / name)
    happy, angry = emodb.read(tmp_path)
    assert (happy.label, happy.speaker, happy.gender) == ("happy", "emodb-03", "m")
    assert (happy.text, happy.language) == ("Der Lappen liegt auf dem Eisschrank.", "de")
    assert (angry.label, angry.speaker, angry.gender) == ("angry", "emodb-08", "f")


def test_emodb_letters_are_first_letters_of_german_emotions(tmp_path):
    for letter in "WEAFTN":
        sound(tmp_path / f"10a02{letter}a.wav")
    labels = {u.path.stem[5]: u.label for u in emodb.read(tmp_path)}
    assert labels == {
        "W": "angry", "E": "disgust", "A": "fear", "F": "happy", "T": "sad", "N": "neutral",
    }  # fmt: skip


@pytest.mark.parametrize("folder", ["OAF_Pleasant_surprise", "."])
def test_tess_is_read_from_its_folders_or_flat(tmp_path, folder):
    sound(tmp_path / folder / "OAF_back_ps.wav")
    (utterance,) = tess.read(tmp_path)
    assert (utterance.label, utterance.speaker, utterance.gender) == ("surprise", "tess-OAF", "f")
    assert utterance.text == "Say the word back"
    assert utterance.key == "tess/OAF_back_ps"


def test_tess_has_two_actresses_and_one_misnamed_file(tmp_path):
    for name in ("OAF_neutral/OA_bite_neutral.wav", "YAF_fear/YAF_bite_fear.wav"):
        sound(tmp_path / name)
    old, young = tess.read(tmp_path)
    assert (old.speaker, old.label, old.key) == ("tess-OAF", "neutral", "tess/OAF_bite_neutral")
    assert (young.speaker, young.label) == ("tess-YAF", "fear")


@pytest.mark.parametrize(
    "names",
    [
        ("AudioData/DC/sa01.wav", "AudioData/JE/sa01.wav", "AudioData/KL/a15.wav"),
        ("ALL/DC_sa01.wav", "ALL/JE_sa01.wav", "ALL/KL_a15.wav"),
        ("DC_sa01.wav", "JE_sa01.wav", "KL_a15.wav"),
    ],
)
def test_savee_says_the_same_of_a_recording_in_every_layout(tmp_path, names):
    for name in names:
        sound(tmp_path / name)
    utterances = savee.read(tmp_path)
    assert [u.key for u in utterances] == ["savee/DC_sa01", "savee/JE_sa01", "savee/KL_a15"]
    assert [u.speaker for u in utterances] == ["savee-DC", "savee-JE", "savee-KL"]
    assert [u.label for u in utterances] == ["sad", "sad", "angry"]


def test_savee_codes_are_of_one_letter_or_two(tmp_path):
    for code in ("a", "d", "f", "h", "n", "sa", "su"):
        sound(tmp_path / "AudioData" / "JK" / f"{code}01.wav")
    labels = {u.path.stem[:-2]: u.label for u in savee.read(tmp_path)}
    assert labels == {
        "a": "angry", "d": "disgust", "f": "fear", "h": "happy", "n": "neutral", "sa": "sad",
        "su": "surprise",
    }  # fmt: skip


def test_esc10_gives_the_folds_that_are_asked_for_and_no_voices(tmp_path):
    for name in ("rain/1-17367-A.wav", "rain/5-17367-A.wav", "baby_cry/1-22694-A.wav"):
        sound(tmp_path / name)
    assert [path.name for path in esc10.noise_files(tmp_path, (1, 2))] == ["1-17367-A.wav"]


@pytest.mark.parametrize(
    "reader", [ravdess, cremad, nemo, iemocap, emodb, tess, savee, meld], ids=lambda r: r.__name__
)
def test_a_missing_folder_says_what_was_looked_for(tmp_path, reader):
    with pytest.raises(InputError, match=r"no such folder.*is read from"):
        reader.read(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "reader", [ravdess, cremad, nemo, emodb, tess, savee], ids=lambda r: r.__name__
)
def test_an_empty_folder_says_what_was_looked_for(tmp_path, reader):
    with pytest.raises(InputError, match=r"no sound files in.*is read from"):
        reader.read(tmp_path)


@pytest.mark.parametrize(
    ("reader", "name"),
    [
        (ravdess, "holiday.wav"),
        (ravdess, "Actor_01/03-02-01-01-01-01-01.wav"),  # a song
        (cremad, "1001_IEO_SUR_HI.wav"),
        (emodb, "wav/04a01Fa.wav"),  # there is no speaker 04
        (emodb, "wav/03a03Fa.wav"),  # nor a sentence a03
        (tess, "OAF_calm/OAF_back_calm.wav"),
        (savee, "AudioData/AB/a01.wav"),
        (savee, "AudioData/DC/x01.wav"),
    ],
)
def test_a_foreign_file_is_named(tmp_path, reader, name):
    path = sound(tmp_path / name)
    with pytest.raises(InputError, match=rf"{re.escape(str(path))}: not an? .*is read from"):
        reader.read(tmp_path)


@pytest.mark.parametrize(
    ("reader", "names"),
    [
        (ravdess, ("Actor_02/03-01-06-02-01-02-02.wav", "Actor_02/03-01-06-02-01-02-02.flac")),
        (cremad, ("1001_IEO_DIS_HI.wav", "1001_IEO_DIS_HI.flac")),
        (emodb, ("03a01Fa.wav", "03a01Fa.flac")),
        (tess, ("OAF_neutral/OA_bite_neutral.wav", "OAF_neutral/OAF_bite_neutral.wav")),
        (savee, ("AudioData/DC/a01.wav", "AudioData/DC/DC_a01.wav")),
    ],
)
def test_a_recording_that_is_there_twice_is_named(tmp_path, reader, names):
    for name in names:
        sound(tmp_path / name)
    with pytest.raises(InputError, match=r"is in the corpus twice, here and as .*; keep one"):
        reader.read(tmp_path)


def test_hidden_files_of_a_mac_are_no_recordings(tmp_path):
    sound(tmp_path / "wav" / "03a01Fa.wav")
    text(tmp_path / "wav" / "._03a01Fa.wav", b"\x00\x05\x16\x07")
    assert len(emodb.read(tmp_path)) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file_id\temotion\n", r"data\.tsv: no column raw_text, speaker_id, gender; found file_id"),
        ("", r"data\.tsv: no column file_id.*found none"),
        (NEMO_COLUMNS + "A_anger_1.wav\tsmug\tTak.\ttak\tA\tmale\t23\n", r"line 2: .*'smug'"),
        (
            NEMO_COLUMNS + "A_anger_1.wav\tanger\n",
            r"line 2: nothing in column raw_text, speaker_id",
        ),
        (NEMO_COLUMNS + 2 * "A_anger_1.wav\tanger\t\t\tA\t\t\n", r"line 3: A_anger_1 is .* twice"),
        (
            NEMO_COLUMNS + "".join(f"A_anger_{n}.wav\tanger\t\t\tA\t\t\n" for n in range(1, 6)),
            r"missing: 4 \(A_anger_2, A_anger_3, A_anger_4, \.\.\.\); nEMO is read from",
        ),
        ("x" * 200_000, r"data\.tsv: not a table"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path, content, message):
    sound(tmp_path / "samples" / "A_anger_1.wav")
    text(tmp_path / "data.tsv", content)
    with pytest.raises(InputError, match=message):
        nemo.read(tmp_path)


def test_cremad_says_which_column_its_table_lacks(tmp_path):
    sound(tmp_path / "AudioWAV" / "1002_DFA_ANG_XX.wav")
    text(tmp_path / "VideoDemographics.csv", "Actor;Sex\n1002;Female\n")
    with pytest.raises(InputError, match=r"VideoDemographics\.csv: no column ActorID, Sex; found"):
        cremad.read(tmp_path)


def test_nemo_without_its_table_or_with_a_file_too_many_says_so(tmp_path):
    sound(tmp_path / "samples" / "X_anger_1.wav")
    with pytest.raises(InputError, match=r"no data\.tsv"):
        nemo.read(tmp_path)
    text(tmp_path / "data.tsv", NEMO_COLUMNS)
    with pytest.raises(InputError, match=r"X_anger_1\.wav: not listed"):
        nemo.read(tmp_path)


def test_an_unknown_corpus_lists_the_known():
    with pytest.raises(InputError, match="'aibo'; accepted are ravdess, cremad, nemo, iemocap"):
        get_corpus("aibo")


def test_the_corpora_have_the_clips_and_speakers_that_their_papers_count(corpora_root):
    utterances = read_corpora(corpora_root, ["ravdess", "nemo"])
    by_corpus = {name: [u for u in utterances if u.corpus == name] for name in ("ravdess", "nemo")}
    assert len(by_corpus["ravdess"]) == 1440
    assert len({u.speaker for u in by_corpus["ravdess"]}) == 24
    assert len(by_corpus["nemo"]) == 4481
    assert len({u.speaker for u in by_corpus["nemo"]}) == 9
    assert {actor for fold in ravdess.EMOBOX_FOLDS for actor in fold} == set(range(1, 25))
