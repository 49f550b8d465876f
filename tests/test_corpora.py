"""Readers, on miniatures in each corpus's real layout, and on the corpora where they are."""

import pytest
import soundfile

from ser_stream.corpora import cremad, esc10, nemo, ravdess
from ser_stream.corpora.registry import get_corpus, read_corpora
from ser_stream.errors import InputError


def sound(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, [0.0] * 16, 16_000)


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
    (tmp_path / "data.tsv").write_text(
        "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
        "WR0_surprised_64.wav\tsurprised\tUcho wykrywa dźwięki.\tucho\t WR0\tmale\t23\n"
    )
    (utterance,) = nemo.read(tmp_path)
    assert (utterance.label, utterance.speaker, utterance.gender) == ("surprise", "nemo-WR0", "m")
    assert (utterance.text, utterance.language) == ("Ucho wykrywa dźwięki.", "pl")


def test_esc10_gives_the_folds_that_are_asked_for_and_no_voices(tmp_path):
    for name in ("rain/1-17367-A.wav", "rain/5-17367-A.wav", "baby_cry/1-22694-A.wav"):
        sound(tmp_path / name)
    assert [path.name for path in esc10.noise_files(tmp_path, (1, 2))] == ["1-17367-A.wav"]


@pytest.mark.parametrize("reader", [ravdess, cremad, nemo])
def test_a_missing_folder_says_what_was_looked_for(tmp_path, reader):
    with pytest.raises(InputError, match=r"no such folder.*is read from"):
        reader.read(tmp_path / "nowhere")


@pytest.mark.parametrize("reader", [ravdess, cremad, nemo])
def test_an_empty_folder_says_what_was_looked_for(tmp_path, reader):
    with pytest.raises(InputError, match=r"no sound files in.*is read from"):
        reader.read(tmp_path)


@pytest.mark.parametrize("reader", [ravdess, cremad])
def test_a_foreign_file_is_named(tmp_path, reader):
    sound(tmp_path / "holiday.wav")
    with pytest.raises(InputError, match=r"holiday\.wav: not a"):
        reader.read(tmp_path)


def test_nemo_without_its_table_or_with_a_file_too_many_says_so(tmp_path):
    sound(tmp_path / "samples" / "X_anger_1.wav")
    with pytest.raises(InputError, match=r"no data\.tsv"):
        nemo.read(tmp_path)
    (tmp_path / "data.tsv").write_text("file_id\temotion\traw_text\tspeaker_id\tgender\n")
    with pytest.raises(InputError, match=r"X_anger_1\.wav: not listed"):
        nemo.read(tmp_path)


def test_an_unknown_corpus_lists_the_known():
    with pytest.raises(InputError, match="'emodb'; accepted are ravdess, cremad, nemo"):
        get_corpus("emodb")


def test_the_corpora_have_the_clips_and_speakers_that_their_papers_count(corpora_root):
    utterances = read_corpora(corpora_root, ["ravdess", "nemo"])
    by_corpus = {name: [u for u in utterances if u.corpus == name] for name in ("ravdess", "nemo")}
    assert len(by_corpus["ravdess"]) == 1440
    assert len({u.speaker for u in by_corpus["ravdess"]}) == 24
    assert len(by_corpus["nemo"]) == 4481
    assert len({u.speaker for u in by_corpus["nemo"]}) == 9
    assert {actor for fold in ravdess.EMOBOX_FOLDS for actor in fold} == set(range(1, 25))
