"""Fit a linear layer for valence and arousal to a trained network, and keep it if it ranks better.

Each emotion has a place on the circumplex; a strong expression of it has more extreme valence and
higher arousal than a weak one. A ridge regression from the network's pooled hidden states to
valence and arousal learns that. The network itself does not change.

    python tools/fit_affect.py MODEL --recipe RECIPE --corpora DIR
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ser_stream.commands.shared import add_corpora, print_error
from ser_stream.corpora.base import Utterance
from ser_stream.corpora.registry import read_corpora
from ser_stream.data.feature_cache import FeatureStore, load_features
from ser_stream.data.windows import EvaluationWindows
from ser_stream.emotion import CIRCUMPLEX
from ser_stream.errors import InputError
from ser_stream.models.base import EmotionModel
from ser_stream.models.calibration import log_softmax
from ser_stream.models.checkpoint import load_model
from ser_stream.models.info import ModelInfo, find_writable
from ser_stream.models.pooling import PoolingModel
from ser_stream.models.registry import build_model
from ser_stream.recipes.load import load_recipe
from ser_stream.recipes.speech import Recipe
from ser_stream.training.model_folder import save_model_folder

INTENSITY = {"strong": 1.0, "low": -1.0}
"""Label of intensity -> relative intensity; 0 is the intensity of utterances without a label."""
VALENCE_INTENSITY_SCALE = 0.5
"""Relative change of valence per unit of intensity."""
AROUSAL_INTENSITY_SHIFT = 0.25
"""Change of arousal per unit of intensity."""
RIDGE = 1.0
"""Penalty per utterance, for standardised hidden states."""


def fit_affect(model: str, recipe: Recipe, corpora: Path, cache: Path) -> dict:
    """Add the layer to a model, if it ranks strong expressions above normal ones more often.

    It is fitted to the recipe's training speakers and compared on its validation speakers.

    Returns:
        pairs: number of pairs of the same words by the same speaker, normal and strong;
        circumplex, layer: share of pairs whose strong one has the higher arousal;
        kept: whether the layer was added to the model.

    Raises:
        InputError: the model has another architecture, or no corpus has normal and strong.
    """
    folder = find_writable(model)
    network, info = _load(model)
    recipe.require_labels(info.labels, info.name)
    utterances = read_corpora(corpora, list(recipe.corpora))
    parts = recipe.split(utterances)
    pairs = _pairs_of(recipe, parts, "validation")
    stores = {
        part: load_features(parts[part], info.features, 1.0, cache, among=utterances)
        for part in ("train", "validation")
    }
    states, _ = _states(network, stores["train"])
    weights = _corpus_weights(recipe, parts["train"])
    layer = _ridge(states, np.array([target(u) for u in parts["train"]]), weights)
    states, logits = _states(network, stores["validation"])
    report = _compared(info.labels, pairs, logits, states @ layer[:-1] + layer[-1])
    report["kept"] = report["layer"] > report["circumplex"]
    if report["kept"]:
        info = dataclasses.replace(info, options={**info.options, "affect": True})
        wider = build_model(info.architecture, info.labels, info.features, info.options)
        added = {"affect.weight": layer[:-1].T, "affect.bias": layer[-1]}
        tensors = {name: torch.tensor(value, dtype=torch.float32) for name, value in added.items()}
        wider.load_state_dict({**network.state_dict(), **tensors})
        save_model_folder(folder, wider, info, recipe.eight_bit)
    return report


def measure_affect(model: str | Path, recipe: Recipe, corpora: Path, part: str) -> dict:
    """Return how the layer of a model ranks pairs of a part of a recipe's speakers.

    Returns:
        pairs, circumplex, layer: as in `fit_affect`.

    Raises:
        InputError: the model has no such layer, or no corpus has normal and strong.
    """
    network, info = _load(model)
    if network.affect is None:
        raise InputError(f"model {model}: has no layer for valence and arousal to measure")
    recipe.require_labels(info.labels, info.name)
    utterances = read_corpora(corpora, list(recipe.corpora))
    parts = recipe.split(utterances)
    pairs = _pairs_of(recipe, parts, part)
    store = load_features(parts[part], info.features, 1.0, None)
    states, logits = _states(network, store)
    with torch.inference_mode():
        affect = network.affect(torch.from_numpy(states).float()).clamp(-1, 1).numpy()
    return _compared(info.labels, pairs, logits, affect)


def _load(model: str | Path) -> tuple[PoolingModel, ModelInfo]:
    network, info = load_model(model)
    if not isinstance(network, PoolingModel):
        raise InputError(
            f"model {model}: found {info.architecture}; a layer for valence and arousal have only "
            "causal_crnn, voice_lstm and whisper_states"
        )
    return network, info


def _compared(
    labels: tuple[str, ...], pairs: list[tuple[int, int]], logits: np.ndarray, affect: np.ndarray
) -> dict:
    """Return how circumplex and layer rank pairs, from logits and `affect` (utterances, 2)."""
    of_circumplex = np.exp(log_softmax(logits)) @ np.array(
        [CIRCUMPLEX[label][1] for label in labels]
    )
    return {
        "pairs": len(pairs),
        "circumplex": round(share_ranked(of_circumplex, pairs), 4),
        "layer": round(share_ranked(affect[:, 1], pairs), 4),
    }


def target(utterance: Utterance) -> tuple[float, float]:
    """Return the targets of the regression for an utterance: valence and arousal."""
    valence, arousal = CIRCUMPLEX[utterance.label]
    intensity = INTENSITY.get(utterance.intensity, 0.0)
    if utterance.corpus == "ravdess" and utterance.intensity:
        # RAVDESS has two levels only, which lie around 0.
        intensity = 0.5 if utterance.intensity == "strong" else -0.5
    return (
        valence * (1 + VALENCE_INTENSITY_SCALE * intensity),
        arousal + AROUSAL_INTENSITY_SHIFT * intensity,
    )


def share_ranked(arousal: np.ndarray, pairs: list[tuple[int, int]]) -> float:
    """Return the share of pairs (strong, normal) whose strong one has the higher arousal."""
    return float(np.mean([arousal[strong] > arousal[normal] for strong, normal in pairs]))


def _pairs_of(
    recipe: Recipe, parts: dict[str, list[Utterance]], part: str
) -> list[tuple[int, int]]:
    pairs = _pairs(parts[part])
    if not pairs:
        raise InputError(
            f"recipe {recipe.name}: found no {part} speaker who says the same words normally and "
            "strongly; needed are speakers of RAVDESS"
        )
    return pairs


def _pairs(utterances: list[Utterance]) -> list[tuple[int, int]]:
    """Return indices (strong, normal) of RAVDESS utterances that differ in intensity only.

    File names are modality, channel, emotion, intensity, statement, repetition, actor.
    """
    by_content: dict[tuple[str, ...], dict[str, int]] = {}
    for index, utterance in enumerate(utterances):
        if utterance.corpus == "ravdess":
            parts = utterance.path.stem.split("-")
            same = tuple(parts[:3] + parts[4:])
            by_content.setdefault(same, {})[utterance.intensity] = index
    both = (found for found in by_content.values() if {"strong", "normal"} <= found.keys())
    return [(found["strong"], found["normal"]) for found in both]


def _states(network: EmotionModel, store: FeatureStore) -> tuple[np.ndarray, np.ndarray]:
    """Return pooled hidden states (utterances, dimension) and logits (utterances, labels)."""
    targets = np.zeros(len(store), np.int64)
    states = np.empty((len(store), network.output.in_features))
    logits = np.empty((len(store), len(network.labels)))
    with torch.inference_mode():
        for members, (features, lengths) in EvaluationWindows(store, targets, 500).batches():
            pooled = network.embed(network.encode(features), network.step_lengths(lengths))
            states[members], logits[members] = pooled, network.output(pooled)
    return states, logits


def _corpus_weights(recipe: Recipe, utterances: list[Utterance]) -> np.ndarray:
    """Return weights (utterances,) that give each corpus its share in the recipe."""
    names = np.array([u.corpus for u in utterances])
    return np.array([recipe.mix[name] / np.mean(names == name) for name in names])


def _ridge(states: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return coefficients (dimension + 1, 2) of the states, and of the constant last."""
    mean, std = states.mean(axis=0), states.std(axis=0) + 1e-6
    inputs = np.c_[(states - mean) / std, np.ones(len(states))]
    penalty = RIDGE * len(states) * np.eye(inputs.shape[1])
    penalty[-1, -1] = 0.0
    weighted = inputs * weights[:, None]
    solved = np.linalg.solve(inputs.T @ weighted + penalty, weighted.T @ targets)
    slopes = solved[:-1] / std[:, None]
    return np.vstack([slopes, solved[-1] - mean @ slopes])


def main(argv: Sequence[str] | None = None) -> int:
    """Fit or measure the layer, and return the exit code: 0, or 2 for input that cannot be used."""
    parser = argparse.ArgumentParser(
        description="Add a layer for valence and arousal to a model, if it ranks better."
    )
    parser.add_argument(
        "model", metavar="NAME|DIR", help="model that gets the layer; its weights are rewritten"
    )
    parser.add_argument("--recipe", type=Path, required=True, help="recipe whose speakers are used")
    add_corpora(parser)
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/cache"), metavar="DIR",
        help="cache of computed features; default: runs/cache",
    )  # fmt: skip
    parser.add_argument(
        "--measure", choices=("validation", "test"), metavar="PART",
        help="measure the layer that the model has on these speakers; fit nothing",
    )  # fmt: skip
    arguments = parser.parse_args(argv)
    model, corpora = arguments.model, arguments.corpora
    try:
        recipe = load_recipe(arguments.recipe, Recipe)
        if arguments.measure:
            report, end = measure_affect(model, recipe, corpora, arguments.measure), ""
        else:
            report = fit_affect(model, recipe, corpora, arguments.cache)
            end = ": the model has it now" if report["kept"] else ": the model is not changed"
    except InputError as error:
        print_error(error)
        return 2
    print(
        f"{report['pairs']} pairs: strong above normal in arousal by the circumplex "
        f"{report['circumplex']:.1%}, by the layer {report['layer']:.1%}{end}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
