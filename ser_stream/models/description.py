"""Finds a model and reads its description: shipped, in a folder, or a Hugging Face checkpoint."""

from __future__ import annotations

from pathlib import Path

from ser_stream.errors import InputError
from ser_stream.features.segments import SegmentConfig
from ser_stream.models.folder import has_description
from ser_stream.models.hugging_face_info import checkpoint_info
from ser_stream.models.info import ModelInfo, find_model, read_info


def describe_model(name_or_folder: str | Path) -> tuple[Path, ModelInfo]:
    """Return a model's folder and its description; no network is loaded.

    Raises:
        InputError: there is no such model, or its description cannot be used.
    """
    folder = find_model(name_or_folder)
    if has_description(folder):
        return folder, read_info(folder)
    return folder, checkpoint_info(folder, str(name_or_folder))


def check_takes_sound(name_or_folder: str | Path, info: ModelInfo) -> None:
    """Check that a model takes sound alone, as streams need.

    Raises:
        InputError: it takes sound and words.
    """
    if isinstance(info.features, SegmentConfig):
        raise InputError(
            f"model {str(name_or_folder)!r}: it takes sound and words: name it as the text model "
            "(--text-model, or the node's parameter text_model), and as the model one that takes "
            "sound alone"
        )


def check_takes_words(name_or_folder: str | Path, info: ModelInfo) -> None:
    """Check that a model takes sound and words.

    Raises:
        InputError: it takes sound alone.
    """
    if not isinstance(info.features, SegmentConfig):
        raise InputError(
            f"model {str(name_or_folder)!r}: found {info.architecture}, which takes sound alone; "
            "accepted is a model that takes sound and words, such as can-english"
        )
