"""The whole of faster-whisper and CTranslate2, with a model that always says the same."""

from __future__ import annotations

import dataclasses
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

from paths import ROOT
from ser_stream.asr.base import AsrSettings
from ser_stream.asr.factory import open_recognizer
from ser_stream.asr.whisper_models import PINNED
from ser_stream.errors import InputError
from tiny_whisper import make_tiny_whisper

SENTENCE = "The meeting begins at ten o'clock."


@pytest.fixture(scope="module")
def noise():
    """Three seconds."""
    return 0.1 * np.random.default_rng(0).standard_normal(48_000).astype(np.float32)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = make_tiny_whisper(tmp_path_factory.mktemp("whisper") / "en", SENTENCE)
    return AsrSettings("faster_whisper", str(folder), device="cpu")


@pytest.fixture(scope="module")
def recognizer(settings):
    return open_recognizer(settings)


def open_tiny(folder, sentence=SENTENCE, language="", **options):
    make_tiny_whisper(folder, sentence, **options)
    return open_recognizer(AsrSettings("faster_whisper", str(folder), language, device="cpu"))


def test_words_have_times_on_the_streams_clock(recognizer, noise):
    words = recognizer.recognize(noise, start_s=100.0)
    assert [word.text for word in words] == SENTENCE.split()  # o'clock is one word
    assert words[0].start_s >= 100.0
    assert words[-1].end_s <= 103.0
    for word in words:
        assert word.end_s > word.start_s
        assert word.probability > 0.9
    for before, after in itertools.pairwise(words):
        assert after.start_s >= before.start_s
    # What the model's cross attention looks at: 0.2 s more for each token.
    starts = [word.start_s - 100.0 for word in words[1:]]
    assert starts == pytest.approx([0.3, 0.5, 0.7, 0.9, 1.1], abs=0.05)


def test_the_same_sound_gives_the_same_words(recognizer, noise):
    first = recognizer.recognize(noise, 0.0)
    recognizer.recognize(noise[:16_000], 0.0)
    assert recognizer.recognize(noise, 0.0) == first


def test_no_sound_gives_no_words(recognizer):
    assert recognizer.recognize(np.zeros(0, np.float32), 0.0) == ()


def test_words_of_a_short_segment_stay_in_it(recognizer, noise):
    words = recognizer.recognize(noise[:8000], 10.0)
    assert all(10.0 <= word.start_s < word.end_s <= 10.5 + 1e-9 for word in words)


def test_the_language_is_detected_or_fixed(tmp_path, noise):
    detected = open_tiny(tmp_path / "pl", "Kto tam?", no_speech=-10.0, detected="pl")
    assert [word.text for word in detected.recognize(noise, 0.0)] == ["Kto", "tam?"]
    assert detected.language == "pl"
    settings = AsrSettings("faster_whisper", str(tmp_path / "pl"), language="de_AT", device="cpu")
    fixed = open_recognizer(settings)
    assert [word.text for word in fixed.recognize(noise, 0.0)] == ["Kto", "tam?"]
    assert fixed.language == "de"


def test_text_that_whisper_takes_for_no_speech_is_dropped(tmp_path, noise):
    assert open_tiny(tmp_path / "speech", no_speech=9.0).recognize(noise, 0.0)
    assert open_tiny(tmp_path / "none", no_speech=14.0).recognize(noise, 0.0) == ()


def test_text_that_repeats_itself_is_dropped(tmp_path, noise):
    assert open_tiny(tmp_path / "loop", "so " * 25).recognize(noise, 0.0) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "huge"}, "'huge'; accepted are a folder, OWNER/NAME@COMMIT"),
        ({"language": "de"}, "asr language: found 'de'; en knows en"),
        ({"device": "tpu"}, "cannot be used on device 'tpu'"),
        ({"compute_type": "int3"}, "compute type 'int3': Invalid compute type"),
        ({"grammar": "commands.jsgf"}, "commands.jsgf; only pocketsphinx takes one"),
    ],
)
def test_settings_that_cannot_be_used_are_named(settings, change, message):
    with pytest.raises(InputError) as error:
        open_recognizer(dataclasses.replace(settings, **change))
    assert message in str(error.value)


def test_a_folder_without_a_model_says_what_is_missing(tmp_path):
    with pytest.raises(InputError, match=r"model\.bin, config\.json, tokenizer\.json missing"):
        open_recognizer(AsrSettings("faster_whisper", str(tmp_path)))


def test_a_broken_model_file_is_an_input_error(tmp_path):
    folder = make_tiny_whisper(tmp_path / "broken", SENTENCE)
    (folder / "model.bin").write_bytes(b"no model")
    with pytest.raises(InputError, match="cannot be used on device 'cpu'"):
        open_recognizer(AsrSettings("faster_whisper", str(folder), device="cpu"))


def in_new_process(code, **environment):
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_without_a_network_the_error_names_the_download_and_its_folder(tmp_path):
    # The address is read when the Hub's client is imported.
    out = in_new_process(
        "from ser_stream.asr.base import *; from ser_stream.asr.factory import *\n"
        "try: open_recognizer(AsrSettings('faster_whisper', 'tiny'))\n"
        "except InputError as error: print(error)",
        HF_ENDPOINT="http://127.0.0.1:9",
        HF_HOME=str(tmp_path),
    )
    (line,) = out.splitlines()
    assert "asr model 'tiny': not on this machine, and cannot be downloaded" in line
    tiny = PINNED["tiny"]
    assert f"https://huggingface.co/{tiny.repository}/tree/{tiny.revision}" in line
    assert "name the folder as model" in line


def test_speech_recognition_needs_no_torch():
    in_new_process(
        "import sys, ser_stream.asr.faster_whisper, ser_stream.asr.pocketsphinx\n"
        "import ser_stream.asr.worker, ser_stream.asr.transcription\n"
        "assert 'torch' not in sys.modules"
    )
