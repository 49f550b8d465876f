"""Training on texts, on miniatures of GoEmotions and MELD."""

import json

import numpy as np
import pytest
import torch

from corpus_files import text
from ser_stream.cli import main
from ser_stream.emotion import BASIC_EMOTIONS
from ser_stream.models.checkpoint import load_model
from ser_stream.models.papers.can_baselines import TextModel
from text_recipes import OPTIMISATION, RECIPE, recipe_file

SAID = {
    "joy": "i love this so much", "sadness": "i miss her and cry", "anger": "you idiot get out",
    "fear": "i am scared of it", "disgust": "that is gross", "surprise": "wow what is that",
    "neutral": "it is on the table",
}  # fmt: skip


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpora")
    text(root / "goemotions" / "labels.txt", "\n".join(SAID))
    for part in ("train", "dev", "test"):
        rows = [f"{said}!\t{number}\tid" for number, said in enumerate(SAID.values())]
        text(root / "goemotions" / f"{part}.tsv", "\n".join([*rows, "both ways\t0,1\tid"]))
        rows = [f"{said}!,Joey,{label},0,0" for label, said in SAID.items()]
        header = "Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID"
        text(root / "meld" / f"{part}_sent_emo.csv", "\n".join([header, *rows, *rows]))
    return root


# A run


def test_a_run_fits_a_small_corpus_and_writes_a_loadable_model(tmp_path, corpora, capsys):
    recipe, output = recipe_file(tmp_path), tmp_path / "run"
    command = ["train", str(recipe), "--corpora", str(corpora), "--output", str(output)]
    assert main([*command, "--seed", "3"]) == 0
    assert "| test | 20%, with marks | 14 |" in capsys.readouterr().out
    model, info = load_model(output / "model", kind=TextModel)
    assert info.labels == BASIC_EMOTIONS
    assert info.results["test"]["0%, no marks"]["weighted_f1"] > 0.7
    assert list(info.results["dev"]) == [
        f"{rate}%, {marks} marks" for marks in ("no", "with") for rate in (0, 10, 20)
    ]
    assert "!" in info.options["vocabulary"]
    assert info.training_data.corpora == ("GoEmotions (Apache 2.0)", "MELD (GPL 3.0)")
    assert info.training_data.seed == 3 and not info.training_data.commercial_use
    with torch.inference_mode():
        predicted = model.score_texts([said.upper().split() for said in SAID.values()]).argmax(1)
    truth = ["happy", "sad", "angry", "fear", "disgust", "surprise", "neutral"]
    assert (
        np.mean([BASIC_EMOTIONS[i] == label for i, label in zip(predicted, truth, strict=True)])
        > 0.7
    )
    assert "WA | UA | weighted F1" in (output / "model" / "README.md").read_text()
    run = json.loads((output / "run.json").read_text())
    assert run["texts"]["train"] == {"goemotions": 8, "meld": 14}
    assert not list(output.glob("*/state.pt"))


def test_the_same_seed_gives_the_same_weights(tmp_path, corpora):
    stages = [{**RECIPE["stages"][0], "optimisation": {**OPTIMISATION, "epochs": 2}}]
    recipe = recipe_file(tmp_path, stages=stages)
    weights = []
    for run in ("a", "b"):
        command = ["train", str(recipe), "--corpora", str(corpora), "--output", str(tmp_path / run)]
        assert main(command) == 0
        weights.append((tmp_path / run / "model" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_word_vectors_are_loaded_from_a_file(tmp_path, corpora, capsys):
    dimension = RECIPE["options"]["word_dimension"]
    vectors = text(tmp_path / "glove.txt", "so " + " ".join(["0.5"] * dimension))
    still = {**OPTIMISATION, "epochs": 1, "learning_rate": 1e-9}
    stages = [{**RECIPE["stages"][0], "optimisation": still}]
    recipe = recipe_file(tmp_path, stages=stages, word_vectors=str(vectors))
    command = ["train", str(recipe), "--corpora", str(corpora), "--output", str(tmp_path / "run")]
    assert main(command) == 0
    model, _ = load_model(tmp_path / "run" / "model", kind=TextModel)
    number = model.text.vocabulary.numbers(["so"])[0]
    np.testing.assert_allclose(model.text.embedding.weight[number].detach(), 0.5, atol=1e-4)

    text(vectors, "so 0.5")
    assert main(command) == 2
    assert "glove.txt, line 1: found 1 values" in capsys.readouterr().err


# Batches


# Recipes


def test_an_unknown_option_of_the_network_and_a_missing_corpus_are_named(tmp_path, corpora, capsys):
    recipe = recipe_file(tmp_path, options={"colour": "blue"})
    assert main(["train", str(recipe), "--corpora", str(corpora), "--runs", str(tmp_path)]) == 2
    assert "options of can_text" in capsys.readouterr().err
    assert main(["train", str(recipe), "--corpora", str(tmp_path), "--runs", str(tmp_path)]) == 2
    assert "goemotions: no such folder" in capsys.readouterr().err
