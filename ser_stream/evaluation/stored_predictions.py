"""Predictions of a fold's test recordings in a file, to which a calibration can be fitted.

`predictions.npz` holds arrays of numbers and text only, and is read without pickle.
"""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ser_stream.emotion import INTERVAL, UTTERANCE
from ser_stream.errors import InputError
from ser_stream.evaluation.predictions import Predictions, StreamedPredictions
from ser_stream.evaluation.streamed import IN_A_ROW
from ser_stream.files import replacing

PREDICTIONS_FILE = "predictions.npz"
ALONE = "alone"
CONDITIONS = (ALONE, IN_A_ROW)
"""Whether each recording is streamed without earlier ones, or after the speaker's earlier ones."""


@dataclasses.dataclass(frozen=True)
class StoredPredictions:
    """Predictions of one network for the recordings of one corpus.

    Attributes:
        labels: of the network.
        by_trigger: trigger -> condition -> its predictions, of those that have estimates.
    """

    labels: tuple[str, ...]
    by_trigger: Mapping[str, Mapping[str, Predictions]]


def save_predictions(
    path: Path, labels: Sequence[str], conditions: Sequence[StreamedPredictions]
) -> None:
    """Write the predictions that `predict_stream` returns.

    Args:
        labels: of the model, among which are those that were scored.

    Raises:
        OSError: the file cannot be written.
    """
    arrays = {"labels": np.array(labels)}
    for condition, streamed in zip(CONDITIONS, conditions, strict=False):
        for trigger in filter(streamed.has, (INTERVAL, UTTERANCE)):
            found = streamed.predictions(trigger)
            own = np.array([labels.index(label) for label in streamed.labels])
            found = dataclasses.replace(found, targets=own[found.targets])
            for field in dataclasses.fields(found):
                values = getattr(found, field.name)
                kind = np.float32 if values.dtype == np.float64 else np.int32
                arrays[f"{trigger}/{condition}/{field.name}"] = values.astype(kind)
    with replacing(path) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def read_predictions(path: Path) -> StoredPredictions:
    """Read the predictions that `save_predictions` has written.

    Raises:
        InputError: there is no such file, or it is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            content = {name: arrays[name] for name in arrays.files}
        labels = tuple(map(str, content["labels"]))
        found = {
            trigger: {
                condition: _predictions(content, f"{trigger}/{condition}", len(labels))
                for condition in CONDITIONS
                if f"{trigger}/{condition}/targets" in content
            }
            for trigger in (INTERVAL, UTTERANCE)
        }
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: no such file; ser-stream train writes it into each fold of a recipe with "
            "folds"
        ) from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        reason = [*str(error).splitlines(), repr(error)][0]
        raise InputError(f"{path}: not a file of predictions, or damaged: {reason}") from error
    return StoredPredictions(labels, found)


def _predictions(content: Mapping[str, np.ndarray], prefix: str, n_labels: int) -> Predictions:
    """Return one condition's predictions.

    Raises:
        KeyError, ValueError: an array is missing, or has another size or other values.
    """
    fields = [field.name for field in dataclasses.fields(Predictions)]
    arrays = {name: content[f"{prefix}/{name}"].astype(np.float64) for name in fields}
    n = len(arrays["targets"])
    for name, values in arrays.items():
        shape = (n, n_labels) if name == "logits" else (n,)
        if not n or values.shape != shape or not np.isfinite(values).all():
            raise ValueError(f"{prefix}/{name}: found {values.shape} values; accepted are {shape}")
    targets = arrays.pop("targets").astype(np.int64)
    if targets.min() < 0 or targets.max() >= n_labels:
        raise ValueError(
            f"{prefix}/targets: found {targets.max()}; accepted are 0 to {n_labels - 1}"
        )
    return Predictions(targets=targets, **arrays)
