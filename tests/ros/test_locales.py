"""The language of LiveSpeech."""

from __future__ import annotations

import re

import pytest

from ser_stream.ros.locales import LIKELY_LOCALES, LIKELY_REGIONS, language_field, language_value
from ser_stream.ros.messages import MESSAGE_TYPES


def test_the_field_is_that_of_the_installed_definition():
    fields = MESSAGE_TYPES["hri_msgs/msg/LiveSpeech"]
    assert language_field(fields) == "locale"
    assert language_field({"language" if n == "locale" else n: k for n, k in fields.items()}) == (
        "language"
    )


@pytest.mark.parametrize(
    ("given", "locale", "tag"),
    [
        ("en_GB", "en_GB", "en-GB"),
        ("en-gb", "en_GB", "en-GB"),
        ("EN", "en_US", "en"),
        ("de", "de_DE", "de"),
        ("yue", "yue_HK", "yue"),
        ("tlh", "tlh", "tlh"),  # Klingon has no region
        ("", "", ""),
    ],
)
def test_the_value_has_the_form_of_its_field(given, locale, tag):
    assert language_value(given, "locale") == locale
    assert language_value(given, "language") == tag


def test_every_language_of_whisper_has_a_locale_of_the_defined_form():
    tokenizer = pytest.importorskip("faster_whisper.tokenizer")
    assert set(tokenizer._LANGUAGE_CODES) <= set(LIKELY_REGIONS)
    for locale in LIKELY_LOCALES:
        assert re.fullmatch(r"[a-z]{2,3}_[A-Z]{2}", locale)
