"""Training on texts, on miniatures of GoEmotions and MELD."""

import json

import numpy as np
import pytest
import torch
import yaml

from corpus_files import text
from paths import RECIPES
from ser_stream.cli import main
from ser_stream.corpora.texts import LabelledText
from ser_stream.data.asr_errors import RecognitionErrors
from ser_stream.data.texts import EvaluationTexts, TextAugmentation, TrainingTexts, soft_targets
from ser_stream.emotion import BASIC_EMOTIONS
from ser_stream.errors import InputError
from ser_stream.features.vocabulary import Vocabulary
from ser_stream.models.checkpoint import load_model
from ser_stream.models.papers.can_baselines import TextModel
from ser_stream.recipes.load import load_recipe
from ser_stream.recipes.text import TextRecipe

SAID = {
    "joy": "i love this so much", "sadness": "i miss her and cry", "anger": "you idiot get out",
    "fear": "i am scared of it", "disgust": "that is gross", "surprise": "wow what is that",
    "neutral": "it is on the table",
}  # fmt: skip
SMALL = {"word_dimension": 8, "hidden": 8, "ngram_buckets": 50}
OPTIMISATION = {"epochs": 12, "batch_size": 8, "learning_rate": 0.02, "patience": 12}
RECIPE = {
    "kind": "text",
    "name": "tiny",
    "evaluated_on": "meld",
    "max_words": 100,
    "max_error_rate": 0.1,
    "marked": 0.5,
    "options": SMALL,
    "stages": [
        {"mix": {"goemotions": 0.5, "meld": 1.0}, "optimisation": {**OPTIMISATION, "epochs": 1}},
        {"mix": {"meld": 1.0}, "balance": 0.5, "optimisation": OPTIMISATION},
    ],
}


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


def recipe_file(folder, **changes):
    return text(folder / "tiny.yaml", yaml.safe_dump({**RECIPE, **changes}))


def labelled(emotions, corpus="meld", said="so"):
    return LabelledText(said, emotions, "train", corpus)


# A run


def test_a_run_fits_a_miniature_and_its_model_can_be_loaded(tmp_path, corpora, capsys):
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


def test_soft_targets_sum_to_the_weight_of_a_text():
    texts = [labelled(("happy",)), labelled(("happy", "sad"), "goemotions"), labelled(("sad",))]
    targets = soft_targets(texts, BASIC_EMOTIONS, {"meld": 1.0, "goemotions": 0.5}, balance=0.0)
    happy, sad = (BASIC_EMOTIONS.index(label) for label in ("happy", "sad"))
    np.testing.assert_allclose(targets.sum(axis=1), [1.2, 0.6, 1.2], rtol=1e-6)
    np.testing.assert_allclose(targets[1, [happy, sad]], [0.3, 0.3], rtol=1e-6)


@pytest.mark.parametrize(("balance", "ratio"), [(0.0, 4.0), (0.5, 2.0), (1.0, 1.0)])
def test_balance_makes_rare_labels_count_more(balance, ratio):
    texts = 8 * [labelled(("neutral",))] + 2 * [labelled(("fear",))]
    mass = soft_targets(texts, BASIC_EMOTIONS, {"meld": 1.0}, balance).sum(axis=0)
    neutral, fear = (mass[BASIC_EMOTIONS.index(label)] for label in ("neutral", "fear"))
    assert neutral / fear == pytest.approx(ratio, rel=1e-5)
    assert mass.sum() == pytest.approx(len(texts), rel=1e-5)


def test_an_epoch_has_each_text_once_and_new_recognition_errors():
    words = [[f"word{n}"] * (1 + n % 7) for n in range(100)]
    vocabulary = Vocabulary(sorted({word for text in words for word in text}))
    targets = np.eye(100, dtype=np.float32)
    errors = RecognitionErrors(dict.fromkeys(vocabulary.words, 1))
    clean = TrainingTexts(words, targets, vocabulary, 16, TextAugmentation(errors, 0.0))
    batches = list(clean.epoch(np.random.default_rng(0)))
    assert len(batches) == clean.steps == 7
    seen = torch.cat([batch_targets for _, batch_targets in batches])
    assert sorted(seen.argmax(1).tolist()) == list(range(100))
    for (batch,), batch_targets in batches:
        for row, number in zip(batch.words, batch_targets.argmax(1).tolist(), strict=True):
            expected = vocabulary.numbers(words[number])
            assert row[: len(expected)].tolist() == expected.tolist()
    noisy = TrainingTexts(words, targets, vocabulary, 16, TextAugmentation(errors, 0.5))
    epochs = [
        sum(batch.words.sum().item() for (batch,), _ in noisy.epoch(np.random.default_rng(seed)))
        for seed in (0, 1)
    ]
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("marked", [0.0, 0.3, 1.0])
def test_the_share_of_texts_with_marks_is_as_set(marked):
    words = 1000 * [["like", "!"]]
    errors, targets = RecognitionErrors({"like": 1}), np.eye(1000, dtype=np.float32)
    augmentation = TextAugmentation(errors, 0.0, marked)
    texts = TrainingTexts(words, targets, Vocabulary(["like", "!"]), 100, augmentation)
    lengths = [batch.n_words for (batch,), _ in texts.epoch(np.random.default_rng(0))]
    assert (torch.cat(lengths) == 2).float().mean() == pytest.approx(marked, abs=0.05)


def test_evaluation_batches_hold_each_text_once():
    words = [["like"] * (1 + n % 3) for n in range(600)]
    texts = EvaluationTexts(words, np.zeros(600, int), Vocabulary(["like"]))
    members = np.concatenate([members for members, _ in texts.batches()])
    assert sorted(members) == list(range(600))
    for members, (batch,) in texts.batches():
        assert batch.n_words.tolist() == [len(words[i]) for i in members]


# Recipes


def test_the_shipped_recipe_is_of_texts_and_others_are_not():
    found = [
        path.stem for path in sorted((RECIPES / "streaming").glob("*.yaml"))
        if isinstance(load_recipe(path), TextRecipe)
    ]  # fmt: skip
    assert found == ["text-english"]
    recipe = load_recipe(RECIPES / "streaming" / "text-english.yaml")
    assert recipe.name == "text-english"
    assert recipe.corpora == ["goemotions", "meld"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "blue"}, "unknown setting colour"),
        ({"stages": []}, r"stages: found \[\]; accepted is a list"),
        ({"stages": [{"mix": {"meld": 1}}]}, r"stages\[0\]: settings missing: optimisation"),
        (
            {"stages": [{"mix": {"tweets": 1}, "optimisation": OPTIMISATION}]},
            r"stages\[0\]: mix: found",
        ),
        (
            {"stages": [{"mix": {"meld": 0}, "optimisation": OPTIMISATION}]},
            "meld: found 0; accepted is a number, above 0",
        ),
        ({"stages": [{"mix": {"meld": "x"}, "optimisation": OPTIMISATION}]}, "meld: found 'x'"),
        (
            {"stages": [{"mix": {"meld": 1}, "optimisation": OPTIMISATION, "balance": 2}]},
            "balance: found 2; accepted is a number, 0 to 1",
        ),
        ({"stages": [{"mix": {"meld": 1}, "optimisation": {"epochs": 0}}]}, "epochs: found 0"),
        ({"evaluated_on": "tweets"}, "evaluated_on: found 'tweets'"),
        ({"max_words": 0}, "max_words: found 0"),
        ({"max_error_rate": 1.5}, "max_error_rate: found 1.5"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        load_recipe(recipe_file(tmp_path, **changes))


def test_an_unknown_option_of_the_network_and_a_missing_corpus_are_named(tmp_path, corpora, capsys):
    recipe = recipe_file(tmp_path, options={"colour": "blue"})
    assert main(["train", str(recipe), "--corpora", str(corpora), "--runs", str(tmp_path)]) == 2
    assert "options of can_text" in capsys.readouterr().err
    assert main(["train", str(recipe), "--corpora", str(tmp_path), "--runs", str(tmp_path)]) == 2
    assert "goemotions: no such folder" in capsys.readouterr().err
