"""Evaluation of recordings as streams."""

import numpy as np
import soundfile

from ser_stream.corpora.base import Utterance
from ser_stream.data.feature_cache import (
    read_samples,
    speech_span,
)
from ser_stream.engines.torch import TorchNetwork
from ser_stream.evaluation.streamed import changed, stream_outputs
from ser_stream.models.checkpoint import load_model
from ser_stream.recipes.load import load_recipe


def test_a_window_in_training_is_the_window_of_the_stream(run_folder, corpora, recipe_path):
    """The offline window of a short recording is the last one that streaming sees."""
    model, _ = load_model(run_folder / "out" / "model")
    recipe = load_recipe(recipe_path)
    path = next((corpora / "ravdess").glob("*/*03-01-03*"))
    samples = read_samples(path)
    start, end = speech_span(samples)
    windows = list(stream_outputs(TorchNetwork(model), 0.0, path))
    last = windows[-1][0]
    assert (last.features.turn.start, last.features.turn.end) == (start, end)
    config = recipe.features
    assert last.n_frames == config.frames_in(end - start)


def test_a_changed_recording_in_memory_is_streamed_like_its_file(tmp_path, tiny_model, speech):
    path = tmp_path / "quieter.wav"
    soundfile.write(path, 0.5 * speech, 16_000, subtype="FLOAT")
    in_memory = changed(lambda utterance: 0.5 * speech)(Utterance(path, "own", "", "", "sad", ""))
    network = TorchNetwork(load_model(tiny_model)[0])
    found, expected = (
        [(w.end_s, outputs.logits) for w, outputs in stream_outputs(network, 0.0, recording)]
        for recording in (in_memory, path)
    )
    assert [end_s for end_s, _ in found] == [end_s for end_s, _ in expected]
    np.testing.assert_array_equal([f for _, f in found], [e for _, e in expected])
