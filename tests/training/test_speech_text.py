"""Pairs of voices and texts, and CAN trained on them, on miniatures."""

import json

import numpy as np
import pytest
import torch
import yaml

from pair_data import ENCODING, LABELS, VOCABULARY
from ser_stream.cli import main
from ser_stream.errors import InputError
from ser_stream.features.segments import SegmentConfig
from ser_stream.models.base import BimodalModel
from ser_stream.models.checkpoint import load_model, save_model
from ser_stream.models.info import ModelInfo
from ser_stream.models.registry import build_model
from ser_stream.models.segment_batch import SegmentBatch
from ser_stream.recipes.load import load_recipe

SENTENCES = {"neutral": "the door", "joy": "so good", "sadness": "so bad", "anger": "get out"}


def test_the_loss_has_a_target_for_the_pair_its_text_and_its_voice():
    """The joint, text and audio classifiers have one target each, in the loss of eq. 14."""
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
    """A model folder of an untrained network of words."""
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
