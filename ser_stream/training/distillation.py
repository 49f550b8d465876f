"""Distillation: targets of a network from the probabilities of others (Hinton et al., 2015)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from ser_stream.data.feature_cache import FeatureStore
from ser_stream.data.windows import EvaluationWindows
from ser_stream.errors import InputError
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.models.base import EmotionModel
from ser_stream.models.checkpoint import load_model
from ser_stream.recipes.speech import Recipe
from ser_stream.training.prediction import predict


def check_teachers(recipe: Recipe, teachers: Sequence[Path]) -> None:
    """Check that teachers are named if, and only if, the recipe gives them a share.

    Raises:
        InputError: teachers are missing, or the recipe gives them no share.
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
    teachers: Sequence[Path],
    load: Callable[[LogMelConfig], FeatureStore],
    targets: np.ndarray,
) -> np.ndarray:
    """Return the mean of labels and teachers' probabilities, weighted by the teachers' share.

    Args:
        teachers: model folders; the mean of their probabilities counts.
        load: returns the features of whole utterances as recorded; teachers get no augmentation.
        targets: (utterances,) indices of the true labels.

    Returns:
        (utterances, labels) float32, rows sum to 1.

    Raises:
        InputError: a teacher cannot be read, or its labels differ from the recipe's.
    """
    truth = np.eye(len(recipe.labels), dtype=np.float32)[targets]
    if not teachers:
        return truth
    probabilities = [_probabilities(recipe, folder, load, targets) for folder in teachers]
    share = np.float32(recipe.teachers_share)
    return (1 - share) * truth + share * np.mean(probabilities, axis=0)


def _probabilities(
    recipe: Recipe,
    teacher: Path,
    load: Callable[[LogMelConfig], FeatureStore],
    targets: np.ndarray,
) -> np.ndarray:
    """Return the probabilities of one teacher, (utterances, labels of the recipe)."""
    model, info = load_model(teacher, kind=EmotionModel)
    recipe.require_labels(info.labels, info.name)
    if not isinstance(info.features, LogMelConfig):
        raise InputError(
            f"teacher {teacher}: found a model of samples; accepted are models of log-mel"
        )
    windows = EvaluationWindows(
        load(info.features), targets, model.window_frames, model.step_frames
    )
    order = [info.labels.index(label) for label in recipe.labels]
    return torch.softmax(predict(model, windows), dim=1).numpy()[:, order]
