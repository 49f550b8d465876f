"""Pairs of voices and texts, and CAN trained on them, on miniatures."""

import itertools
import json
from collections import Counter

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_stream.cli import main
from ser_stream.data.pairs import (
    FRAMES_PER_WORD,
    EvaluationPairs,
    PairEncoding,
    Texts,
    draw_text_label,
    joint_label,
    word_spans,
)
from ser_stream.errors import InputError
from ser_stream.evaluation.pair_scores import score_pairs
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.vocabulary import Vocabulary
from ser_stream.models.base import BimodalModel
from ser_stream.models.calibration import Calibration
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import ModelInfo
from ser_stream.models.registry import build_model
from ser_stream.models.segment_batch import SegmentBatch
from ser_stream.recipes.load import load_recipe

LABELS = ("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise")
VOCABULARY = Vocabulary(["good", "bad", "door"])
ENCODING = PairEncoding(LABELS, VOCABULARY, SegmentConfig())
TEXTS = Texts([["good"], ["bad", "door"], ["door"]], ["happy", "sad", "neutral"])
SENTENCES = {"neutral": "the door", "joy": "so good", "sadness": "so bad", "anger": "get out"}


@given(st.integers(20, 600), st.lists(st.text("abc", min_size=1), min_size=1, max_size=12))
@settings(deadline=None, max_examples=50)
def test_the_spans_of_words_cover_the_sound_in_order(n_frames, words):
    spans = word_spans(n_frames, words, 0.0, np.random.default_rng(0))
    assert spans[0, 0] == 0 and spans[-1, 1] == n_frames
    np.testing.assert_array_equal(spans[1:, 0], spans[:-1, 1])


def test_longer_words_have_longer_spans():
    spans = word_spans(100, ["a", "wonderful"], 0.0, None)
    np.testing.assert_array_equal(spans, [[0, 21], [21, 100]])  # 3 and 11 of 14


def test_a_text_is_cut_to_the_words_that_the_clip_has_time_for():
    bands = np.zeros((35, 128), np.float32)
    words = [f"w{i}" for i in range(9)]
    segments, numbers = ENCODING.encode(bands, words, None)
    assert len(segments) == len(numbers) == 35 // FRAMES_PER_WORD
    assert all(len(frames) for frames in segments)
    assert segments[0].shape[1] == 40


def test_a_pair_has_the_emotion_that_is_not_neutral():
    for voice, text in itertools.product(LABELS, LABELS):
        expected = {voice, text} - {"neutral"} or {"neutral"}
        assert joint_label(voice, text) == (expected.pop() if len(expected) == 1 else None)


def test_every_drawn_text_gives_a_pair_of_known_emotion():
    rng = np.random.default_rng(0)
    for voice in LABELS:
        drawn = Counter(draw_text_label(voice, LABELS, rng) for _ in range(400))
        assert all(joint_label(voice, text) for text in drawn)
        assert 160 < drawn[voice] < 240


def test_each_clip_is_paired_with_its_own_emotion_and_with_another():
    clips = [np.zeros((80, 128), np.float32)] * 3
    pairs = EvaluationPairs(clips, ["happy", "neutral", "sad"], TEXTS, ENCODING)
    names = lambda targets: [LABELS[t] for t in targets]  # noqa: E731
    assert names(pairs.voice_targets) == ["happy"] * 2 + ["neutral"] * 2 + ["sad"] * 2
    assert names(pairs.text_targets)[:3] == ["happy", "neutral", "neutral"]
    assert names(pairs.targets)[:3] == ["happy", "happy", "neutral"]
    assert names(pairs.targets)[3] == names(pairs.text_targets)[3] != "neutral"
    assert sorted(i for members, _ in pairs.batches(2) for i in members) == list(range(6))


def test_the_loss_has_a_target_for_the_pair_its_text_and_its_voice():
    """Each classifier has its own target: eq. 14 with three of them."""
    torch.manual_seed(0)
    options = {"vocabulary": VOCABULARY.words, "word_dimension": 4, "hidden": 4}
    model = build_model("can", LABELS, SegmentConfig(), options, BimodalModel).eval()
    bands = np.random.randn(60, 128).astype(np.float32)
    pair = ENCODING.encode(bands, ["good", "door"], None)
    batch = SegmentBatch.pad([pair, pair])
    targets = torch.tensor([[1, 0, 1], [2, 2, 0]])
    joint, text, audio = model.predictions(batch)
    expected = sum(
        weight * torch.nn.functional.cross_entropy(logits, column)
        for weight, logits, column in zip(
            (1.0, 0.1, 0.1), (joint, text, audio), targets.T, strict=True
        )
    )
    torch.testing.assert_close(model.loss(batch, targets=targets), expected)


@pytest.fixture(scope="module")
def text_branch(tmp_path_factory):
    """An untrained network of words, as a model folder."""
    torch.manual_seed(0)
    config = SegmentConfig(segmentation="whole")
    options = {"vocabulary": list(VOCABULARY.words), "word_dimension": 4, "hidden": 4, "heads": 2,
               "ngram_buckets": 10}  # fmt: skip
    model = build_model("can_text", LABELS, config, options, BimodalModel)
    folder = tmp_path_factory.mktemp("branch")
    info = ModelInfo("branch", "can_text", LABELS, config, (0.0,) * 40, (1.0,) * 40, options)
    save_model(folder, model, info)
    return folder


@pytest.fixture
def recipe(text_branch, tmp_path):
    """For the miniature of RAVDESS in shared_fixtures, and texts of MELD's layout beside it."""
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({
        "kind": "speech_text", "name": "pairs", "architecture": "can", "labels": list(LABELS),
        "corpora": ["ravdess"],
        "speakers": {"test": {"ravdess": [1]}, "validation": {"ravdess": [2]}},
        "mix": {"ravdess": 1.0}, "utterances_per_epoch": 8,
        "optimisation": {"epochs": 1, "batch_size": 4},
        "text_branch": str(text_branch), "texts": ["meld"], "max_error_rate": 0.3,
    }))  # fmt: skip
    return path


def test_a_network_is_trained_on_pairs_and_scored_by_kind_of_pair(
    recipe, corpora, tmp_path, capsys, text_branch, tiny_model
):
    columns = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID\n"
    root = tmp_path / "corpora"
    root.mkdir()
    (root / "ravdess").symlink_to(corpora / "ravdess")
    (root / "text" / "meld").mkdir(parents=True)
    for part in ("train", "dev", "test"):
        rows = [
            f"{i},{text},Joey,{label},x,{i},0\n"
            for i, (label, text) in enumerate(SENTENCES.items())
        ]
        (root / "text" / "meld" / f"{part}_sent_emo.csv").write_text(columns + "".join(rows))
    where = [
        "--corpora",
        str(root),
        "--output",
        str(tmp_path / "run"),
        "--cache",
        str(tmp_path / "c"),
    ]
    assert main(["train", str(recipe), *where]) == 0
    assert "| test | 20% | neutral voice | 1 |" in capsys.readouterr().out
    model, info = load_model(tmp_path / "run" / "model", kind=BimodalModel)
    assert info.results["test"]["0%"]["all"]["joint"]["n"] == 8  # four clips, each twice
    assert model.text.vocabulary.words == VOCABULARY.words
    branch, _ = load_model(text_branch, kind=BimodalModel)
    assert model.text.embedding.weight.shape == branch.text.embedding.weight.shape
    assert (
        "No recordings of people who say what they feel"
        in (tmp_path / "run" / "model" / "README.md").read_text()
    )
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["recipe"]["texts"] == ["meld"]

    saved = (tmp_path / "run" / "model" / "model.json").read_text()
    arguments = ["evaluate", str(tmp_path / "run" / "model"), "--recipe", str(recipe)]
    assert main([*arguments, "--corpora", str(root), "--json", "--save"]) == 0
    assert json.loads(capsys.readouterr().out)["errors"] == info.results["test"]
    assert (tmp_path / "run" / "model" / "model.json").read_text() == saved

    assert main([*arguments, "--corpora", str(root), "--first", str(tiny_model), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)["errors"]
    for rate, kinds in info.results["test"].items():
        for kind, answers in kinds.items():
            first, live = report[rate][kind].pop("first"), report[rate][kind].pop("live")
            assert report[rate][kind] == answers
            assert first["n"] == live["n"] == answers["joint"]["n"]


def test_recognition_errors_leave_the_targets_of_pairs_unchanged():
    clips = [np.zeros((80, 128), np.float32)] * 2
    pairs, misheard = (
        EvaluationPairs(clips, ["happy", "sad"], TEXTS, ENCODING, recognise)
        for recognise in (None, lambda words: ["bad"])
    )
    np.testing.assert_array_equal(pairs.targets, misheard.targets)
    bad = VOCABULARY.encode(["bad"])[0][0]
    assert all(item[1][0] == bad for item in misheard.items)
    assert not all(item[1][0] == bad for item in pairs.items)


def test_what_is_published_live_is_the_mean_with_the_first_estimate():
    """Of a first estimate that is sure, neutral words in a happy voice are happy."""
    options = {"vocabulary": VOCABULARY.words, "word_dimension": 4, "hidden": 4}
    model = build_model("can", LABELS, SegmentConfig(), options, BimodalModel).eval()
    clips = [np.zeros((80, 128), np.float32)] * 4
    voices = ["happy", "sad", "sad", "neutral"]
    pairs = EvaluationPairs(clips, voices, TEXTS, ENCODING)
    first = [{"happy": 1.0, "sad": 0.0}, {"calm": 1.0}, None, {"neutral": 1.0}]
    found = score_pairs(model, pairs, Calibration(), first)["neutral words"]
    assert found["first"]["n"] == 3
    assert found["first"]["wa"] == pytest.approx(1 / 3, abs=1e-4)  # calm is another, None is wrong
    first = [{label: float(label == voice) for label in LABELS} for voice in voices]
    found = score_pairs(model, pairs, Calibration(), first)
    assert found["same emotion"]["live"]["wa"] == 1.0


def test_a_first_model_goes_with_words(tmp_path, capsys):
    where = ["--recipe", "config/recipes/streaming/open.yaml", "--corpora", str(tmp_path)]
    assert main(["evaluate", "open", "--first", "default", *where]) == 2
    assert (
        "--first: goes with the recipe of a model that takes sound and words"
        in capsys.readouterr().err
    )


def test_wrong_settings_are_named(recipe):
    content = yaml.safe_load(recipe.read_text())
    recipe.write_text(yaml.safe_dump({**content, "texts": ["diary"]}))
    with pytest.raises(InputError, match=r"texts: found 'diary'; accepted is a list of goemot"):
        load_recipe(recipe)
    recipe.write_text(yaml.safe_dump({**content, "max_error_rate": 40}))
    with pytest.raises(InputError, match="max_error_rate: found 40; accepted is a number, 0 to 1"):
        load_recipe(recipe)
    del content["texts"]
    recipe.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="settings missing: texts"):
        load_recipe(recipe)
