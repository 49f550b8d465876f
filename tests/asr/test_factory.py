import sys

import pytest

from ser_stream.asr.base import AsrSettings
from ser_stream.asr.factory import open_recognizer
from ser_stream.errors import InputError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (AsrSettings("vosk"), "'vosk'; accepted are none, pocketsphinx, faster_whisper"),
        (AsrSettings("pocketsphinx", language="de"), "'de'; pocketsphinx has only en"),
        (AsrSettings("pocketsphinx", model="big"), "'big'; pocketsphinx has only its own"),
        (AsrSettings("no_such_module:Recognizer"), "cannot be imported: No module"),
        (AsrSettings("json:Recognizer"), "cannot be imported: module 'json' has no"),
    ],
)
def test_settings_that_cannot_be_used_are_named(settings, message):
    with pytest.raises(InputError) as error:
        open_recognizer(settings)
    assert message in str(error.value)


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(InputError, match=r"pip install 'ser_stream\[asr\]'"):
        open_recognizer(AsrSettings("pocketsphinx"))


def test_the_backend_none_cannot_be_opened():
    with pytest.raises(ValueError, match="nothing to open"):
        open_recognizer(AsrSettings())
