"""Settings files that go over recipes."""

import pytest

from paths import RECIPES
from ser_stream.recipes.experiment import Experiment
from ser_stream.recipes.folders import experiment_path, read_overlays
from ser_stream.recipes.load import load_recipe

SETTINGS = sorted((RECIPES / "settings").glob("*.yaml"))


@pytest.mark.parametrize(
    "path", sorted((RECIPES / "settings").glob("*.yaml")), ids=lambda p: p.stem
)
def test_settings_files_override_recipes(path):
    recipe = experiment_path("moma" if path.stem == "small-moma" else "cnn-transformer")
    names = [path.stem]
    protocol = read_overlays(names)[0].get("protocol", {"validation": 1})
    if protocol.get("validation", 0) == 0:
        names.append("small-budget")  # early stopping has nothing to watch
    over = read_overlays(names)
    with_settings, without = (
        load_recipe(recipe, Experiment, overlays=overlays) for overlays in (over, over[1:])
    )
    assert with_settings.identity != without.identity
