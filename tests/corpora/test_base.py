"""What every reader does with missing, foreign and duplicate files."""

import re

import pytest

from corpus_files import sound, text
from ser_stream.corpora import (
    cremad,
    emodb,
    emospeech_in,
    emotiontts_kr,
    iemocap,
    meld,
    nemo,
    ravdess,
    savee,
    tess,
)
from ser_stream.errors import InputError


@pytest.mark.parametrize(
    "reader",
    [ravdess, cremad, nemo, iemocap, emodb, tess, savee, meld, emotiontts_kr, emospeech_in],
    ids=lambda r: r.__name__,
)
def test_a_missing_folder_is_refused_with_the_expected_layout(tmp_path, reader):
    with pytest.raises(InputError, match=r"no such folder.*is read from"):
        reader.read(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "reader",
    [ravdess, cremad, nemo, emodb, tess, savee, emotiontts_kr, emospeech_in],
    ids=lambda r: r.__name__,
)
def test_an_empty_folder_is_refused_with_the_expected_layout(tmp_path, reader):
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
        (emotiontts_kr, "ema/wav/emc00001.wav"),  # there is no speaker emc
        (emospeech_in, "House/bacho-safe-bored-20190709085906-c7b43119.wav"),
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
        (emotiontts_kr, ("ema/wav/ema00001.wav", "ema/wav/ema00001.flac")),
    ],
)
def test_a_duplicate_recording_is_refused_by_name(tmp_path, reader, names):
    for name in names:
        sound(tmp_path / name)
    with pytest.raises(InputError, match=r"is in the corpus twice, here and as .*; keep one"):
        reader.read(tmp_path)


def test_hidden_files_of_macos_are_ignored(tmp_path):
    sound(tmp_path / "wav" / "03a01Fa.wav")
    text(tmp_path / "wav" / "._03a01Fa.wav", b"\x00\x05\x16\x07")
    assert len(emodb.read(tmp_path)) == 1
