"""t-SNE maps of a network's embeddings, or of its input features, coloured by emotion.

As in `evaluation.plots`, each function returns a figure that belongs to the caller alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from sklearn.manifold import TSNE

from ser_stream.colours import COLOURS
from ser_stream.emotion import EMOTIONS
from ser_stream.errors import InputError
from ser_stream.evaluation.plots import heading

MARKERS = dict(zip(EMOTIONS, "osD^vXP<>*", strict=True))
"""Emotion -> its marker, in addition to its colour, as in Sherman et al., Fig. 4."""

PANEL_INCHES = 4.8


def embedding_maps(
    panels: Sequence[tuple[str, np.ndarray]], labels: Sequence[str], seed: int = 0
) -> Figure:
    """Plot t-SNE maps of the same utterances side by side, such as features and embeddings.

    Args:
        panels: title and points (n, d) of each panel; each is mapped independently.
        labels: (n,) emotion of each point, one of `EMOTIONS`.
        seed: random state of t-SNE; the same seed and points give the same map.

    Raises:
        InputError: there are fewer than 4 points, points are not (n, d), not finite or all equal,
            or labels are not known or of another number.
    """
    if not panels:
        raise InputError("embedding map: found no panel; accepted are 1 and more")
    labels = [str(label) for label in labels]
    unknown = sorted(set(labels) - set(EMOTIONS))
    if unknown:
        raise InputError(
            f"embedding map: found labels {', '.join(map(repr, unknown))}; "
            f"accepted are {', '.join(EMOTIONS)}"
        )
    present = [label for label in EMOTIONS if label in labels]
    figure = Figure((PANEL_INCHES * len(panels), 5.2), layout="constrained")
    for axes, (title, points) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        at = _t_sne(title, np.asarray(points), len(labels), seed)
        for label in present:
            x, y = at[[each == label for each in labels]].T
            axes.scatter(
                x, y, s=34, c=COLOURS[label], marker=MARKERS[label], label=label,
                edgecolors="white", linewidths=0.4, alpha=0.85,
            )  # fmt: skip
        axes.set(
            title=heading(title, PANEL_INCHES),
            xlabel="t-SNE, dimension 1",
            ylabel="t-SNE, dimension 2",
        )
        axes.set(xticks=[], yticks=[])  # only neighbourhoods have a meaning in a t-SNE map
        axes.set_aspect("equal", adjustable="datalim")
    handles = figure.axes[0].collections
    columns = min(len(present), 4 * len(panels))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
    return figure


def _t_sne(title: str, points: np.ndarray, n_labels: int, seed: int) -> np.ndarray:
    """Map points (n, d) to the plane, (n, 2)."""
    if points.ndim != 2 or len(points) != n_labels or n_labels < 4 or points.shape[1] < 2:
        raise InputError(
            f"embedding map {title!r}: found points {points.shape} and {n_labels} labels; accepted "
            "are (n, d), d 2 and more, with one label for each of 4 points and more"
        )
    if not np.isfinite(points).all() or (points == points[0]).all():
        raise InputError(
            f"embedding map {title!r}: found points that are not finite or all the same; accepted "
            "are finite ones that differ"
        )
    # Perplexity is about the number of neighbours of a point; 30 is scikit-learn's default.
    perplexity = min(30.0, (n_labels - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(points)
