"""Import of a Hugging Face checkpoint: a model folder with emotions, window length and card."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from ser_stream.errors import InputError, shown
from ser_stream.files import copy_file, sha256_of
from ser_stream.models.folder import has_description, prepare_model_folder, replacing_model
from ser_stream.models.hub import FILES
from ser_stream.models.hugging_face import load_checkpoint
from ser_stream.models.hugging_face_info import HOP_S, WINDOW_S, checkpoint_info
from ser_stream.models.info import ModelInfo, find_model
from ser_stream.training.model_folder import write_description
from ser_stream.units import Seconds

CARD_OF_CHECKPOINT = "README.huggingface.md"
"""New name of the checkpoint's own card, since README.md is the model folder's."""


def import_model(
    source: str | Path,
    output: Path,
    emotions: Mapping[str, str] | None = None,
    window_s: Seconds = WINDOW_S,
    hop_s: Seconds = HOP_S,
) -> ModelInfo:
    """Copy a checkpoint into a model folder, after loading it as a check.

    Args:
        source: the checkpoint's folder, or its name on the Hugging Face Hub.
        emotions: label of the checkpoint -> emotion, or "drop".

    Raises:
        InputError: see `checkpoint_info` and `load_checkpoint`; or the source is a model folder
            already, or is the output.
    """
    folder = find_model(source)
    if has_description(folder):
        raise InputError(f"model {str(source)!r}: a model of ser_stream already; name it as it is")
    if output.resolve() == folder.resolve():
        raise InputError(f"--output: found {output}, which is the checkpoint's own folder")
    info = checkpoint_info(folder, str(source), emotions, window_s, hop_s)
    prepare_model_folder(output)
    load_checkpoint(folder, info)
    with replacing_model(output) as written:
        for pattern in FILES:
            for path in folder.glob(pattern):
                name = CARD_OF_CHECKPOINT if path.name == "README.md" else path.name
                copy_file(path, written / name)
        hashes = {path.name: sha256_of(path) for path in sorted(written.glob("*.safetensors"))}
        info = dataclasses.replace(info, weights=hashes)
        write_description(written, info)
    return info


def parse_emotions(pairs: Sequence[str]) -> dict[str, str]:
    """Parse arguments of the form NAME=EMOTION.

    >>> parse_emotions(["LABEL_0=happy", "LABEL_1=drop"])
    {'LABEL_0': 'happy', 'LABEL_1': 'drop'}

    Raises:
        InputError: an argument is not of that form.
    """
    emotions = {}
    for pair in pairs:
        name, equals, emotion = pair.rpartition("=")
        if not equals or not name or not emotion:
            raise InputError(f"--labels: found {shown(pair)}; accepted is NAME=EMOTION")
        emotions[name] = emotion
    return emotions
