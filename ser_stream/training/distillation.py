"""Targets of a small network from larger ones (Hinton, Vinyals and Dean, 2015)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ser_stream.data.feature_cache import FeatureStore
from ser_stream.data.windows import EvaluationWindows
from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.checkpoint import load_model
from ser_stream.recipes.speech import Recipe
from ser_stream.training.trainer import predict


def check_teachers(recipe: Recipe, teachers: list[Path]) -> None:
    """Teachers belong to a recipe that gives them a share, and only to such a one.

    Raises:
        InputError: they are missing, or have no share.
    """
    if recipe.teachers_share and not teachers:
        raise InputError(
            f"recipe {recipe.name} gives teachers a share of {recipe.teachers_share:g}: name their "
            "folders with --teachers"
        )
    if teachers and not recipe.teachers_share:
        raise InputError(
            f"--teachers: recipe {recipe.name} gives them no share; set teachers_share in it"
        )


def teacher_probabilities(
    recipe: Recipe,
    teachers: list[Path],
    recorded: Callable[[LogMelConfig], FeatureStore],
    targets: np.ndarray,
) -> np.ndarray:
    """What is to be learned of each utterance: (utterances, labels) float32, rows sum to 1.

    Args:
        teachers: model folders; the mean of their probabilities counts.
        recorded: gives features of whole utterances as recorded: teachers hear them undisturbed.
        targets: (utterances,) indices of the true labels.

    Raises:
        InputError: a teacher cannot be read, or has other labels than the recipe.
    """
    truth = np.eye(len(recipe.labels), dtype=np.float32)[targets]
    if not teachers:
        return truth
    opinions = [_opinion(recipe, folder, recorded, targets) for folder in teachers]
    share = np.float32(recipe.teachers_share)
    return (1 - share) * truth + share * np.mean(opinions, axis=0)


def _opinion(
    recipe: Recipe,
    folder: Path,
    recorded: Callable[[LogMelConfig], FeatureStore],
    targets: np.ndarray,
) -> np.ndarray:
    model, info = load_model(folder)
    recipe.require_labels(info.labels, info.name)
    store = recorded(info.features)
    logits = predict(
        model, EvaluationWindows(store, targets, model.window_frames, model.step_frames)
    )
    order = [info.labels.index(label) for label in recipe.labels]
    return torch.softmax(logits, dim=1).numpy()[:, order]
