"""Evaluation of recordings as streams."""

from ser_stream.data.feature_cache import (
    read_samples,
    speech_span,
)
from ser_stream.engines.torch import TorchNetwork
from ser_stream.evaluation.streamed import stream_logits
from ser_stream.models.checkpoint import load_model
from ser_stream.recipes.load import load_recipe


def test_a_window_in_training_is_the_window_of_the_stream(run_folder, corpora, recipe_path):
    """The offline window of a short recording is the last one that streaming sees."""
    model, _ = load_model(run_folder / "out" / "model")
    recipe = load_recipe(recipe_path)
    path = next((corpora / "ravdess").glob("*/*03-01-03*"))
    samples = read_samples(path)
    start, end = speech_span(samples)
    windows = list(stream_logits(TorchNetwork(model), 0.0, path))
    last = windows[-1][0]
    assert (last.features.turn.start, last.features.turn.end) == (start, end)
    config = recipe.features
    assert last.n_frames == config.frames_in(end - start)
