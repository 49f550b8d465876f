"""t-SNE maps as they are drawn."""

import itertools
from collections import Counter

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from figures import texts
from ser_stream.errors import InputError
from ser_stream.evaluation.plots import (
    COLOURS,
)
from ser_stream.papers.embedding_plots import embedding_maps


def clusters() -> tuple[np.ndarray, list[str]]:
    """Three far apart, of 20, 12 and 8 points."""
    labels = ["sad"] * 20 + ["angry"] * 12 + ["neutral"] * 8
    rng = np.random.default_rng(0)
    centres = {"sad": 0.0, "angry": 50.0, "neutral": -50.0}
    return rng.normal(0, 1, (40, 6)) + np.array([[centres[label]] for label in labels]), labels


def test_a_map_has_each_point_in_the_colour_of_its_label():
    points, labels = clusters()
    figure = embedding_maps([("features", points), ("embeddings", 2 * points)], labels)
    assert [axes.get_title() for axes in figure.axes] == ["features", "embeddings"]
    for axes in figure.axes:
        drawn = {c.get_label(): c for c in axes.collections}
        assert {name: len(c.get_offsets()) for name, c in drawn.items()} == Counter(labels)
        for name, collection in drawn.items():
            assert tuple(collection.get_facecolor()[0][:3]) == to_rgb(COLOURS[name])
    assert texts(figure.legends[0].get_texts()) == ["neutral", "sad", "angry"]


def test_a_map_keeps_clusters_apart_and_is_the_same_each_time():
    points, labels = clusters()
    maps = [embedding_maps([("CAT", points)], labels, seed=3).axes[0] for _ in range(2)]
    first, second = ([c.get_offsets() for c in axes.collections] for axes in maps)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    radius = max(np.linalg.norm(c - c.mean(axis=0), axis=1).max() for c in first)
    for one, other in itertools.combinations(first, 2):
        assert np.linalg.norm(one.mean(axis=0) - other.mean(axis=0)) > 2 * radius


@pytest.mark.parametrize(
    ("points", "labels", "message"),
    [
        (np.zeros((5, 2)), ["sad"] * 4, r"found points \(5, 2\) and 4 labels"),
        (np.zeros((3, 2)), ["sad"] * 3, "4 points and more"),
        (np.zeros((4, 1)), ["sad"] * 4, "d 2 and more"),
        (np.zeros((4, 2)), ["sad"] * 4, "all the same"),
        (np.full((4, 2), np.nan), ["sad"] * 4, "not finite"),
        (np.eye(4), np.array(["sad", "bored", "sad", "sad"]), "found labels 'bored'; accepted are"),
    ],
)
def test_inconsistent_points_are_refused(points, labels, message):
    with pytest.raises(InputError, match=message):
        embedding_maps([("CAT", points)], labels)


def test_a_map_without_panels_is_refused():
    with pytest.raises(InputError, match="found no panel"):
        embedding_maps([], ["sad"] * 4)
