"""The data of an experiment, on a miniature of RAVDESS that is made of the test recordings."""

import numpy as np
import pytest

from experiments import VARIANTS, experiment
from ser_stream.corpora.registry import read_corpora
from ser_stream.errors import InputError
from ser_stream.papers.data import ExperimentData


def test_cells_are_standardised_over_the_training_part(corpora, feature_cache):
    wanted = experiment(**VARIANTS["Sherman's"])
    utterances = wanted.labelled(read_corpora(corpora, ["ravdess"]))
    split = wanted.protocol.splits(utterances, 0)[0]
    train = ExperimentData(wanted, utterances, feature_cache).parts(split)["train"]
    mean, std = train.statistics("cell")
    assert mean.shape == std.shape == (626, 128)
    clips = np.stack([train.store.utterance(i) for i in train.members])
    np.testing.assert_allclose(mean, clips.mean(axis=0), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(std, np.maximum(clips.std(axis=0), 1.0), rtol=1e-3, atol=1e-3)
    assert std.min() == 1.0  # of padding, which does not vary


def test_bands_are_standardised_over_all_frames(corpora, feature_cache):
    wanted = experiment()
    utterances = wanted.labelled(read_corpora(corpora, ["ravdess"]))
    split = wanted.protocol.splits(utterances, 0)[0]
    train = ExperimentData(wanted, utterances, feature_cache).parts(split)["train"]
    frames = np.concatenate([train.store.utterance(i) for i in train.members]).astype(np.float64)
    for ours, expected in zip(
        train.statistics("band"), (frames.mean(0), frames.std(0)), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-6)
    with pytest.raises(InputError, match="found 'cell', but recordings differ in length"):
        train.statistics("cell")


def test_pretrained_word_vectors_are_read_from_a_file(corpora, feature_cache, tmp_path):
    vectors = tmp_path / "glove.txt"
    vectors.write_text("the 1 2 3 4\nunheard 0 0 0 0\n")
    wanted = experiment(**VARIANTS["words"], word_vectors=str(vectors))
    utterances = wanted.labelled(read_corpora(corpora, ["ravdess"]))
    model = ExperimentData(wanted, utterances, feature_cache).model(
        wanted.protocol.splits(utterances, 0)[0]
    )
    (number,) = model.text.vocabulary.numbers(["the"])
    assert model.text.embedding.weight[number].tolist() == [1, 2, 3, 4]
