from pathlib import Path

import pytest
import yaml

from paths import RECIPES
from ser_stream.corpora.base import Utterance
from ser_stream.errors import InputError
from ser_stream.models.registry import build_model
from ser_stream.recipes.load import load_recipe
from ser_stream.recipes.speech import Recipe, speech_recipe

STREAMING = [
    path
    for path in sorted((RECIPES / "streaming").glob("*.yaml"))
    if isinstance(load_recipe(path), Recipe)
]

CONTENT = {
    "name": "small",
    "architecture": "causal_crnn",
    "labels": ["neutral", "happy"],
    "corpora": ["ravdess"],
    "speakers": {"test": {"ravdess": [1]}, "validation": {"ravdess": [2]}},
    "mix": {"ravdess": 1.0},
    "utterances_per_epoch": 10,
    "optimisation": {"epochs": 1},
}


def utterance(speaker, label):
    return Utterance(Path(f"{speaker}.wav"), "ravdess", f"ravdess-{speaker:02d}", "f", label, "en")


@pytest.mark.parametrize("path", STREAMING, ids=lambda path: path.stem)
def test_shipped_recipes_can_be_read_and_their_parts_share_no_speaker(path):
    recipe = load_recipe(path)
    for corpus in recipe.corpora:
        test = recipe.speakers.get("test", {}).get(corpus, [])
        validation = recipe.speakers["validation"].get(corpus, [])
        assert not set(test) & set(validation)
    model = build_model(recipe.architecture, recipe.labels, recipe.features, recipe.options)
    assert model.window_steps > 0


def test_a_split_is_by_speaker_and_merges_labels():
    recipe = speech_recipe(CONTENT, "here")
    speech = [utterance(speaker, label) for speaker in (1, 2, 3) for label in ("calm", "happy")]
    parts = recipe.split([*speech, utterance(3, "angry")])
    assert [len(parts[name]) for name in ("train", "validation", "test")] == [2, 2, 2]
    assert {u.speaker for u in parts["test"]} == {"ravdess-01"}
    assert {u.label for u in parts["train"]} == {"neutral", "happy"}


@pytest.mark.parametrize(
    ("corpus", "speaker", "name"),
    [
        ("nemo", "WR0", "nemo-WR0"),
        ("iemocap", "Ses01F", "iemocap-Ses01F"),
        ("emodb", yaml.safe_load("03"), "emodb-03"),
        ("emodb", yaml.safe_load("08"), "emodb-08"),
        ("tess", "OAF", "tess-OAF"),
        ("savee", "DC", "savee-DC"),
        ("meld", "Joey", "meld-Joey"),
    ],
)
def test_every_corpus_has_its_own_names_of_speakers(corpus, speaker, name):
    content = CONTENT | {"corpora": [corpus], "mix": {corpus: 1.0}}
    recipe = speech_recipe(content | {"speakers": {"test": {corpus: [speaker]}}}, "here")
    speech = [Utterance(Path("a.wav"), corpus, who, "", "happy", "en") for who in (name, "other")]
    parts = recipe.split(speech)
    assert [u.speaker for u in parts["test"]] == [name]


def test_a_held_out_speaker_that_is_missing_is_named():
    with pytest.raises(InputError, match="ravdess-01, ravdess-02 are not in the corpora"):
        speech_recipe(CONTENT, "here").split([utterance(3, "happy")])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "blue"}, r"unknown setting colour; accepted are name, architecture"),
        ({"labels": ["smug"]}, "'smug'"),
        ({"corpora": ["aibo"]}, "'aibo'"),
        ({"mix": {"ravdess": 0.4}}, "mix: found .*0.4.*accepted are shares that sum to 1"),
        ({"mix": {"nemo": 1.0}}, "mix must give each corpus a share"),
        (
            {"rooms": "real", "channel_simulations": 1},
            "rooms: found 'real'; accepted are simulated, measured",
        ),
        ({"rooms": "measured"}, "rooms: found 'measured' with channel_simulations 0"),
        (
            {"noises": ["rain"]},
            r"noises\[?\.?0?\]?: found 'rain'; accepted are '?esc10'?, '?noise'?",
        ),
        ({"noises": ["esc10"]}, r"noises: found \['esc10'\] with noise_folds \[\]"),
        ({"noises": ["noise"], "noise_folds": [1]}, r"accepted is noise_folds: \[\]"),
        ({"commercial_sounds": "yes"}, "commercial_sounds: found 'yes'"),
        ({"speakers": {"dev": {}}}, "speakers: found 'dev'; accepted are test, validation"),
        ({"augmentation": {"echo": 1}}, "augmentation: unknown setting echo"),
        (
            {"augmentation": {"noise": 5}},
            "augmentation.noise: found 5; accepted is a number, 0 to 1",
        ),
        ({"optimisation": {"epochs": "many"}}, "epochs: found 'many'"),
        ({"optimisation": {"epochs": 0}}, "epochs: found 0"),
        ({"optimisation": {"epochs": 1, "batch_size": True}}, "batch_size: found True"),
        ({"optimisation": {"epochs": 1, "learning_rate": -1}}, "learning_rate: found -1"),
        ({"optimisation": {}}, "optimisation: settings missing: epochs"),
        ({"optimisation": {"epochs": 1, "optimizer": "sgd"}}, "accepted are adam, adamw"),
        ({"utterances_per_epoch": 0}, "utterances_per_epoch: found 0"),
        ({"calibration_clips": 0}, "calibration_clips: found 0"),
        ({"labels": "neutral"}, "labels: found 'neutral'; accepted is a list"),
        (
            {"folds": {"name": "speaker_folds", "folds": 2, "validation": 1}},
            "folds: validation: found 1; accepted is 0",
        ),
    ],
)
def test_a_wrong_setting_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        speech_recipe({**CONTENT, **changes}, "here")


def test_a_missing_setting_is_named():
    content = {name: value for name, value in CONTENT.items() if name != "mix"}
    with pytest.raises(InputError, match="here: settings missing: mix"):
        speech_recipe(content, "here")


@pytest.mark.parametrize("content", ["a: [", "- just\n- a list\n", "\x00"])
def test_content_other_than_a_recipe_is_refused(tmp_path, content):
    path = tmp_path / "recipe.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=r"recipe\.yaml"):
        load_recipe(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.yaml: No such file"):
        load_recipe(tmp_path / "nowhere.yaml")


def test_a_recipe_is_read_from_yaml(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        yaml.safe_dump({"kind": "speech", **CONTENT, "augmentation": {"gain_db": [-3, 3]}})
    )
    assert load_recipe(path).augmentation.gain_db == (-3, 3)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, ()),
        ({"noise_folds": [1]}, ("esc10",)),
        ({"noise_folds": [1], "noises": ["noise", "esc10"]}, ("noise", "esc10")),
        ({"noises": ["noise"]}, ("noise",)),
        ({"noises": []}, ()),
    ],
)
def test_folds_of_esc10_are_noises_unless_the_recipe_names_noises(settings, names):
    assert speech_recipe(CONTENT | settings, "here").noise_names == names
