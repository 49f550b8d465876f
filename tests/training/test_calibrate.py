"""Calibration of the confidence."""

import dataclasses

import numpy as np

import ser_stream.training.calibrate as calibrate_module
from ser_stream.corpora.base import Utterance
from ser_stream.engines.torch import TorchNetwork
from ser_stream.evaluation import score_stream
from ser_stream.models.checkpoint import load_model
from ser_stream.recipes.load import load_recipe
from ser_stream.training.calibrate import calibrate_by_recipe


def test_calibration_may_be_limited_to_a_few_recordings(
    run_folder, recipe_path, corpora, monkeypatch
):
    network, info = load_model(run_folder / "out" / "model")
    calibrated_on = []
    monkeypatch.setattr(
        "ser_stream.training.calibrate.calibrate",
        lambda model, info, us, *_: calibrated_on.append(us),
    )
    recipe = load_recipe(recipe_path)
    calibrate_by_recipe(TorchNetwork(network), info, recipe, corpora)
    calibrate_by_recipe(
        TorchNetwork(network), info, dataclasses.replace(recipe, calibration_clips=3), corpora
    )
    everyone, few = calibrated_on
    assert len(everyone) == 4
    assert len(few) == 3 and {u.key for u in few} < {u.key for u in everyone}


def test_confidence_is_fitted_to_conversations_too(tiny_model, speech_path, monkeypatch):
    network, info = load_model(tiny_model)
    network.has_speaker_memory = True
    said = [
        Utterance(speech_path, "own", speaker, "", info.labels[i % 2], "")
        for i, speaker in enumerate("aabb")
    ]
    with_memories = []
    original = score_stream.stream_outputs_per_memory

    def spy(model, smoothing, path, memories):
        with_memories.append(memories)
        yield from original(model, smoothing, path, memories)

    monkeypatch.setattr(score_stream, "stream_outputs_per_memory", spy)
    calibrate_module.calibrate(TorchNetwork(network), info, said, 0.3)
    assert [alone for alone, _ in with_memories] == [None] * 4
    assert len({id(memory) for _, memory in with_memories}) == 2
    assert all(np.any(memory.offset) for _, memory in with_memories)
