"""IEMOCAP, on a miniature in the layout of the full release."""

import re
import shutil

import pytest

from corpus_files import sound, text
from iemocap_files import ALIGNMENT
from ser_stream.corpora import iemocap
from ser_stream.errors import InputError
from ser_stream.features.segments import aligned_segments
from ser_stream.features.vocabulary import spelling

EVALUATION = """\
% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
C-F1:\tNeutral;\t(curious)
A-E3:\tval 3; act 2; dom  2;\t()

[10.0100 - 11.3925]\tSes01F_impro01_M003\texc\t[2.5000, 2.5000, 2.5000]
C-E2:\tExcited;\t()

[14.8872 - 18.0175]\tSes01F_impro01_F002\txxx\t[2.0000, 2.5000, 2.5000]

[19.2900 - 20.7875]\tSes01F_impro01_M004\toth\t[2.0000, 2.5000, 2.5000]
"""
TRANSCRIPTION = """\
Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.
Ses01F_impro01_M003 [010.0100-011.3925]: I like apple.
F: [LAUGHTER]
Ses01F_impro01_F002 [014.8872-018.0175]: Yeah.
Ses01F_impro01_M004 [019.2900-020.7875]: Is there a problem?
"""
DIALOGUE = "Ses01F_impro01"


def release(root):
    """A release of one session and one dialogue; F000 is not aligned."""
    session = root / "Session1"
    text(session / "dialog/EmoEvaluation" / f"{DIALOGUE}.txt", EVALUATION)
    text(session / "dialog/transcriptions" / f"{DIALOGUE}.txt", TRANSCRIPTION)
    alignments = session / "sentences/ForcedAlignment" / DIALOGUE
    text(alignments / "Ses01F_impro01_M003.wdseg", ALIGNMENT)
    for name in ("F000", "M003", "F002"):
        sound(session / "sentences/wav" / DIALOGUE / f"Ses01F_impro01_{name}.wav")
    return session


@pytest.mark.parametrize("folder", ["IEMOCAP_full_release", "."])
def test_the_release_or_the_folder_it_is_in_is_read(tmp_path, folder):
    release(tmp_path / folder)
    woman, man = iemocap.read(tmp_path)
    assert (woman.label, woman.speaker, woman.gender) == ("neutral", "iemocap-Ses01F", "f")
    assert (man.label, man.speaker, man.gender) == ("excited", "iemocap-Ses01M", "m")
    assert (woman.text, woman.session, woman.language) == ("Excuse me.", "Ses01", "en")
    assert woman.key == "iemocap/Ses01F_impro01_F000"
    assert man.path.name == "Ses01F_impro01_M003.wav"


def test_utterances_without_a_label_need_no_sound_and_are_left_out(tmp_path):
    session = release(tmp_path)
    assert not list(session.rglob("*_M004.wav"))  # labelled oth
    assert {u.path.stem[-4:] for u in iemocap.read(tmp_path)} == {"F000", "M003"}


def test_words_keep_special_tokens_and_end_after_their_last_frame(tmp_path):
    release(tmp_path)
    words = iemocap.read(tmp_path)[1].words
    assert [word.text for word in words] == ["<s>", "I", "LIKE(2)", "<sil>", "APPLE", "</s>"]
    assert [(word.start_s, word.end_s) for word in words] == [
        (0.0, 0.52), (0.52, 0.76), (0.76, 0.89), (0.89, 1.41), (1.41, 1.44), (1.44, 1.78),
    ]  # fmt: skip
    assert spelling(words[2].text) == "like"


def test_words_go_through_the_segmentation_of_the_papers_table_1(tmp_path):
    release(tmp_path)
    words = [word for word in iemocap.read(tmp_path)[1].words if not word.is_special]
    spans = aligned_segments(words, 178 * 160, overlap=0)
    assert (spans / 160).tolist() == [[0, 76], [76, 115], [115, 178]]


def test_an_utterance_that_is_not_aligned_has_no_words(tmp_path):
    release(tmp_path)
    assert iemocap.read(tmp_path)[0].words == ()


def test_votes_of_single_annotators_and_hidden_files_are_ignored(tmp_path):
    evaluations = release(tmp_path) / "dialog/EmoEvaluation"
    text(evaluations / "Categorical/Ses01F_impro01_e2_cat.txt", "nothing to be read")
    text(evaluations / "._Ses01F_impro01.txt", b"\x00\x05\x16\x07")
    assert len(iemocap.read(tmp_path)) == 2


def test_comments_in_another_encoding_are_harmless(tmp_path):
    session = release(tmp_path)
    path = session / "dialog/EmoEvaluation" / f"{DIALOGUE}.txt"
    path.write_bytes(EVALUATION.replace("curious", "na\u00efve").encode("cp1252"))
    assert len(iemocap.read(tmp_path)) == 2


def test_sessions_are_told_apart(tmp_path):
    release(tmp_path)
    second = tmp_path / "Session2"
    shutil.copytree(tmp_path / "Session1", second)
    for path in sorted(second.rglob("*Ses01*"), reverse=True):
        if path.is_file() and path.suffix == ".txt":
            path.write_text(path.read_text().replace("Ses01", "Ses02"))
        path.rename(path.with_name(path.name.replace("Ses01", "Ses02")))
    speakers = [(u.session, u.speaker) for u in iemocap.read(tmp_path)]
    assert speakers == [
        ("Ses01", "iemocap-Ses01F"), ("Ses01", "iemocap-Ses01M"),
        ("Ses02", "iemocap-Ses02F"), ("Ses02", "iemocap-Ses02M"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\texc\t", "\tsmug\t", "line 8: emotion label: found 'smug'"),
        ("\texc\t", "\t", r"line 8: found '\[10\.0100 .*expected \[START - END\], utterance"),
        ("[10.0100 - 11.3925]", "[10.0100 - ", "line 8: found"),
        ("Ses01F_impro01_M003", "impro01_M003", "line 8: found"),
        ("Ses01F_impro01_M003", "Ses01F_impro01_F000", "line 8: utterance .*F000 is .* twice"),
        ("[", "", r"no line \[START - END\]"),
    ],
)
def test_an_evaluation_that_cannot_be_read_is_named_with_its_line(tmp_path, old, new, message):
    path = release(tmp_path) / "dialog/EmoEvaluation" / f"{DIALOGUE}.txt"
    path.write_text(EVALUATION.replace(old, new))
    with pytest.raises(InputError, match=rf"{re.escape(str(path))}(, |: ){message}"):
        iemocap.read(tmp_path)


@pytest.mark.parametrize(
    "folder",
    ["dialog/EmoEvaluation", "dialog/transcriptions", "sentences/wav", "sentences/ForcedAlignment"],
)
def test_a_missing_folder_is_named(tmp_path, folder):
    shutil.rmtree(release(tmp_path) / folder)
    with pytest.raises(InputError, match=rf"Session1: no folder {folder}; IEMOCAP is read from"):
        iemocap.read(tmp_path)


def test_a_folder_without_sessions_or_dialogues_says_so(tmp_path):
    with pytest.raises(InputError, match=r"no folder Session\*; IEMOCAP is read from"):
        iemocap.read(tmp_path)
    (release(tmp_path) / "dialog/EmoEvaluation" / f"{DIALOGUE}.txt").unlink()
    with pytest.raises(InputError, match=r"Session1: no dialog/EmoEvaluation/Ses\*\.txt"):
        iemocap.read(tmp_path)


def test_missing_sound_is_counted_and_named(tmp_path):
    session = release(tmp_path)
    shutil.rmtree(session / "sentences/wav" / DIALOGUE)
    name = "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"
    with pytest.raises(InputError, match=rf"missing: 2 \({name}, .*_M003\.wav\); IEMOCAP is"):
        iemocap.read(tmp_path)


def test_a_missing_transcription_is_named(tmp_path):
    path = release(tmp_path) / "dialog/transcriptions" / f"{DIALOGUE}.txt"
    path.write_text(TRANSCRIPTION.replace("M003", "M005"))
    with pytest.raises(InputError, match=rf"{path}: no utterance Ses01F_impro01_M003"):
        iemocap.read(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=rf"{path}: No such file"):
        iemocap.read(tmp_path)


def test_an_alignment_that_cannot_be_read_is_named_with_its_line(tmp_path):
    session = release(tmp_path)
    path = session / "sentences/ForcedAlignment" / DIALOGUE / "Ses01F_impro01_M003.wdseg"
    path.write_text(ALIGNMENT.replace("-512803 I", "I"))
    with pytest.raises(InputError, match=rf"{path}, line 3: found .*expected SFrm EFrm SegAScr"):
        iemocap.read(tmp_path)
