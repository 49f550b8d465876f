"""Model cards, and the cards of the shipped models."""

import dataclasses
import re
import shlex

import pytest

from paths import ROOT
from ser_stream.emotion import UTTERANCE
from ser_stream.features.segments import SegmentConfig
from ser_stream.models.info import HUGGING_FACE, find_model, read_info, shipped_models
from ser_stream.training.model_card import model_card


@pytest.mark.parametrize("name", shipped_models())
def test_model_cards_of_shipped_models_are_generated_from_model_json(name):
    folder = find_model(name)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card == model_card(read_info(folder)), f"write {folder}/README.md again"


@pytest.mark.parametrize("name", shipped_models())
def test_the_files_and_recipes_that_a_card_names_exist(name):
    card = model_card(read_info(find_model(name)))
    for path in re.findall(r"`(ser_stream/[^`]*\.py)`", card):
        assert (ROOT / path).is_file(), path
    for command in re.findall(r"`(ser-stream evaluate [^`]*)`", card):
        words = shlex.split(command)
        assert (ROOT / words[words.index("--recipe") + 1]).is_file(), command


def test_a_card_has_the_scores_of_model_json():
    info = read_info(find_model("default"))
    card = model_card(info)
    assert "## Results on test speakers" in card
    for entry in info.results["test"]["corpora"].values():
        scores = entry[UTTERANCE]
        row = f"| {scores['n']} | {100 * scores['wa']:.1f} | {100 * scores['ua']:.1f} |"
        assert row in card


def test_a_model_card_has_only_the_sections_that_apply_to_the_model():
    info = read_info(find_model("default"))
    bare = dataclasses.replace(info, speaker_memory=False, results={})
    assert "earlier turns" in model_card(info)
    assert "earlier turns" not in model_card(bare)
    assert "## Results" not in model_card(bare)
    text = dataclasses.replace(
        bare, architecture="can_text", features=SegmentConfig(segmentation="whole")
    )
    assert "Emotion recognition in English text" in model_card(text)
    checkpoint = dataclasses.replace(
        bare, architecture=HUGGING_FACE, options={"emotions": {"hap": "happy", "other": ""}}
    )
    assert "hap is happy, other is left out" in model_card(checkpoint)
