import json
from pathlib import Path

import pytest

from ser_stream.recipes.experiment import Experiment, _without_unset
from ser_stream.recipes.folders import experiment_path, read_overlays
from ser_stream.recipes.load import load_recipe

RUN_HASHES = json.loads((Path(__file__).parent / "run_hashes.json").read_text())
"""Settings that go over the recipes -> recipe -> hash, as in the folders of runs trained so far."""


@pytest.mark.parametrize("settings", RUN_HASHES, ids=lambda settings: settings or "none")
def test_runs_trained_so_far_are_found_by_their_hash(settings):
    overlays = read_overlays(settings.split())
    found = {
        name: load_recipe(experiment_path(name), Experiment, overlays=overlays).identity
        for name in RUN_HASHES[settings]
    }
    assert found == RUN_HASHES[settings]


def test_unset_fields_do_not_change_the_hash_of_a_run():
    settings = {"fold": None, "optimisation": {"epochs": 8, "pretrained_rate": None}}
    assert _without_unset(settings) == {"optimisation": {"epochs": 8}}
