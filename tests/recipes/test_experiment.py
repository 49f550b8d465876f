import json
from pathlib import Path

import pytest
import torch

from experiments import experiment
from paths import RECIPES
from ser_stream.corpora.registry import read_corpora
from ser_stream.errors import InputError
from ser_stream.models.registry import build_model
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


EXPERIMENTS = sorted((RECIPES / "papers").glob("*/*.yaml"))


def test_excluded_utterances_are_removed(corpora):
    wanted = experiment()
    utterances = read_corpora(corpora, ["ravdess"])
    labelled = wanted.labelled(utterances)
    fewer = experiment(exclude=[labelled[0].key, "iemocap/not_there"])
    assert fewer.labelled(utterances) == labelled[1:]
    assert fewer.identity != wanted.identity


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_shipped_recipes_build_their_networks(path):
    wanted = load_recipe(path, Experiment)
    assert experiment_path(wanted.name) == path
    options = dict(wanted.options)
    if wanted.architecture in ("can", "can_text"):
        options["vocabulary"] = ["word"]
    kind = torch.nn.Module
    model = build_model(wanted.architecture, wanted.labels, wanted.features, options, kind)
    assert sum(p.numel() for p in model.parameters()) > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimisation": {"epochs": 1, "patience": 3}}, "need a validation part"),
        ({"colour": 1}, "unknown setting colour"),
        ({"protocol": {"name": "loso"}}, "here: protocol: found 'loso'; accepted are random"),
        (
            {"features": {"kind": "wav2vec"}},
            r"features\.kind: found 'wav2vec'; accepted are log_mel",
        ),
        ({"features": {"n_mel": 3}}, "here: .*n_mel"),
        ({"merge": {"calm": "fear"}}, "merge: found calm: fear"),
        ({"seeds": []}, "seeds: found"),
        ({"seeds": 3}, "seeds: found 3; accepted is a list"),
        ({"exclude": "a"}, "exclude: found 'a'; accepted is a list"),
        ({"clip": {"standardise": "clip"}}, "standardise: found 'clip'; accepted are band, cell"),
        ({"optimisation": {"epochs": 1, "schedule": "cosine"}}, "accepted are constant, one_cycle"),
        ({"optimisation": {"epochs": 1, "mixed_precision": 1}}, "mixed_precision: found 1"),
    ],
)
def test_a_wrong_setting_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        experiment(**changes)


def test_a_label_that_no_recording_has_is_named(corpora):
    wanted = experiment(labels=["neutral", "fear"])
    with pytest.raises(InputError, match="no utterance of ravdess is fear"):
        wanted.labelled(read_corpora(corpora, ["ravdess"]))
