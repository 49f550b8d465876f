"""Noises and rooms of a recipe, from the corpora to the description of the model."""

import pytest

from corpus_files import rooms_and_noises
from ser_stream.errors import InputError
from ser_stream.models.info import read_info
from ser_stream.training.sounds import RecipeSounds
from ser_stream.training.speech import train
from training_data import extended_recipe

SOUNDS = {"channel_simulations": 1, "rooms": "measured", "noises": "[esc10, noise]"}
NOISY = {"noise_folds": "[1]", "augmentation": "{simulated_channel: 0.5, noise: 0.5}"}


@pytest.fixture
def corpora_with_sounds(corpora, tmp_path):
    folder = tmp_path / "corpora"
    folder.mkdir()
    (folder / "ravdess").symlink_to(corpora / "ravdess")
    return rooms_and_noises(folder)


def test_a_model_names_the_sounds_it_was_trained_with(corpora_with_sounds, recipe_path, tmp_path):
    recipe = extended_recipe(recipe_path, tmp_path, **SOUNDS, **NOISY)
    train(recipe, corpora_with_sounds, tmp_path / "cache", tmp_path / "run", 0)
    data = read_info(tmp_path / "run" / "model").training_data
    assert data.corpora == (
        "RAVDESS (CC BY-NC-SA 4.0)",
        "noise of ESC-10 (CC BY 3.0)",
        "noise of Household (part own, part Freesound CC0)",
        "noise of Hu (research only)",
        "noise of Street (CC0)",
        "rooms of OpenAIR via X (CC BY-NC-SA)",
        "rooms of Samples (Apache-2.0 (repo))",
    )
    assert "rooms of OpenAIR via X" in data.licence and "rooms of Samples" not in data.licence


def test_only_sounds_that_permit_commercial_use_are_taken_where_the_recipe_says_so(
    corpora_with_sounds, recipe_path, tmp_path
):
    settings = {**SOUNDS, **NOISY, "commercial_sounds": "true"}
    sounds = RecipeSounds(extended_recipe(recipe_path, tmp_path, **settings), corpora_with_sounds)
    assert [path.name for path in sounds.noises] == ["1-1-A.wav", "n1.wav"]
    assert all(source.commercial_use for source in sounds.sources)
    assert len(sounds.rooms.stamps) == 1


def test_a_recipe_without_sounds_needs_no_folder_of_them(recipe_path, tmp_path):
    sounds = RecipeSounds(extended_recipe(recipe_path, tmp_path), tmp_path)
    assert (sounds.noises, sounds.rooms, sounds.sources) == ([], None, [])


def test_missing_sounds_are_named_before_features_are_computed(corpora, recipe_path, tmp_path):
    recipe = extended_recipe(recipe_path, tmp_path, **SOUNDS, **NOISY)
    with pytest.raises(InputError, match="rir: no such folder"):
        train(recipe, corpora, tmp_path / "cache", tmp_path / "run", 0)
    assert not (tmp_path / "cache").exists()
