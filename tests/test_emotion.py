import json
import re

import pytest

from estimates import KEYS, estimate
from paths import ROOT
from ser_stream.emotion import (
    BASIC_EMOTIONS,
    CIRCUMPLEX,
    EMOTIONS,
    agreement_of,
    canonical_label,
    merge_label,
    valence_arousal,
)
from ser_stream.errors import InputError


def test_json_is_one_line_with_the_documented_keys_in_order():
    line = estimate().to_json()
    assert "\n" not in line
    assert list(json.loads(line)) == KEYS
    assert json.loads(line)["confidence"] == 0.6124


def test_the_documentation_lists_every_key_in_its_order():
    page = (ROOT / "docs" / "json.md").read_text()
    rows = page.partition("| key |")[2].partition("\n\n")[0].splitlines()[2:]
    keys = [key for row in rows for key in re.findall(r"`(\w+)`", row.split("|")[1])]
    sometimes = ["label_set", "late", "asr_error"]  # only where they say more
    sometimes += ["voice_expression", "words_expression", "agreement"]
    assert keys == ["source", *KEYS, *sometimes]
    for line in page.partition("```json\n")[2].partition("```")[0].splitlines():
        assert list(json.loads(line)) == KEYS


def test_a_set_of_labels_is_in_the_json_where_there_is_one():
    content = json.loads(estimate(label_set=("happy", "sad"), voice_known_s=4.26).to_json())
    assert content["label_set"] == ["happy", "sad"]
    assert content["voice_known_s"] == 4.3


def test_the_agreement_of_voice_and_words_is_in_the_json_where_it_is_known():
    fields = {
        "voice_expression": "angry", "words_expression": "happy", "agreement": "different"
    }  # fmt: skip
    content = json.loads(estimate(modality="audio+text", **fields).to_json())
    assert {key: content[key] for key in fields} == fields


@pytest.mark.parametrize(
    ("voice", "words", "agreement"),
    [
        ("angry", "angry", "same"),
        ("calm", "neutral", "same"),
        ("excited", "happy", "same"),
        ("sad", "calm", "one neutral"),
        ("neutral", "happy", "one neutral"),
        ("angry", "happy", "different"),
        ("frustrated", "fear", "different"),
    ],
)
def test_voice_and_words_are_compared_as_basic_emotions(voice, words, agreement):
    assert agreement_of(voice, words) == agreement_of(words, voice) == agreement


def test_words_are_rounded_in_json():
    word = {"text": "he", "start_s": 0.123456, "end_s": 0.5, "probability": 0.98765}
    content = json.loads(estimate(words=({**word, "text_attention": 0.123456},)).to_json())
    assert content["words"] == [
        {
            "text": "he",
            "start_s": 0.123,
            "end_s": 0.5,
            "probability": 0.988,
            "text_attention": 0.1235,
        }
    ]


def test_abstaining_is_an_empty_expression():
    assert estimate(expression="").abstains
    assert not estimate().abstains


@pytest.mark.parametrize(
    ("spelling", "label"), [("Fearful", "fear"), ("ANG", "angry"), ("surprised", "surprise")]
)
def test_labels_of_corpora_are_mapped_to_our_labels(spelling, label):
    assert canonical_label(spelling) == label


def test_an_unknown_label_is_named():
    with pytest.raises(InputError, match=r"'smug'.*neutral"):
        canonical_label("smug")


def test_calm_counts_as_neutral_only_where_there_is_no_calm():
    assert merge_label("calm", BASIC_EMOTIONS) == "neutral"
    assert merge_label("calm", EMOTIONS) == "calm"
    assert merge_label("surprise", ("neutral", "sad")) is None


def test_valence_and_arousal_are_expectations_on_the_circumplex():
    assert valence_arousal({"angry": 1.0}) == CIRCUMPLEX["angry"]
    valence, arousal = valence_arousal({"happy": 0.5, "sad": 0.5})
    assert valence == pytest.approx((0.81 - 0.63) / 2)
    assert arousal == pytest.approx((0.51 - 0.27) / 2)


def test_every_label_has_coordinates_on_the_circumplex():
    assert set(CIRCUMPLEX) == set(EMOTIONS)
