"""The description of a Hugging Face checkpoint, read from its files without torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ser_stream.emotion import EMOTIONS, UNMAPPED_LABELS, canonical_label
from ser_stream.errors import InputError
from ser_stream.features.samples import SampleConfig
from ser_stream.files import read_limited
from ser_stream.models.hub import has_weights
from ser_stream.models.info import HUGGING_FACE, ModelInfo, TrainingData
from ser_stream.models.strict_json import read_json
from ser_stream.text import valid_text
from ser_stream.units import SAMPLE_RATE_HZ, Seconds

DROP = "drop"
"""The value, in place of an emotion, for a label whose scores are left out."""

WINDOW_S: Seconds = 5.0
HOP_S: Seconds = 0.5
MAX_WINDOW_S: Seconds = 10.0
"""The spectrogram transformer (AST) ignores samples beyond 10.24 s; others take more."""


def checkpoint_info(
    folder: Path,
    source: str,
    emotions: Mapping[str, str] | None = None,
    window_s: Seconds = WINDOW_S,
    hop_s: Seconds = HOP_S,
) -> ModelInfo:
    """Return the description of a checkpoint without model.json.

    Args:
        folder: the checkpoint's folder.
        source: the folder or name on the Hub that the user gave, for messages.
        emotions: label of the checkpoint -> emotion or `DROP`; needed only for labels that are not
            emotions themselves.
        window_s, hop_s: length of a window, and time from one answer to the next.

    Raises:
        InputError: the checkpoint is not a classifier of emotions, takes another sample rate or
            holds no safetensors, or an argument is not accepted.
    """
    require_safetensors(folder, source)
    config = _read_json(folder / "config.json")
    _check_sample_rate(folder / "preprocessor_config.json")
    if config.get("problem_type") in ("regression", "multi_label_classification"):
        raise InputError(
            f"{folder / 'config.json'}: found problem_type {config['problem_type']}; accepted is "
            "a classifier whose answer is one emotion"
        )
    mapping = _mapping(_output_names(folder / "config.json", config), emotions or {}, source)
    labels = tuple(label for label in EMOTIONS if label in mapping.values())
    if len(labels) < 2:
        raise InputError(
            f"model {source!r}: found {len(labels)} emotion{'' if len(labels) == 1 else 's'} among "
            f"its labels {', '.join(mapping)}; accepted are two and more"
        )
    features = SampleConfig()
    return ModelInfo(
        name=valid_text(Path(source).resolve().name.partition("@")[0]),
        architecture=HUGGING_FACE,
        labels=labels,
        features=features,
        mean=(),
        std=(),
        options={
            "emotions": mapping,
            "window_frames": _frames("window", window_s, MAX_WINDOW_S, features),
            "hop_frames": _frames("hop", hop_s, window_s, features),
        },
        training_data=_training_data(folder),
    )


def require_safetensors(folder: Path, source: str) -> None:
    """Refuse pickled weights: loading them may run any code they contain.

    Raises:
        InputError: the folder holds no safetensors; the message says how to convert.
    """
    if not has_weights(folder):
        raise InputError(
            f"{folder}: no model.safetensors; pickled weights, as in pytorch_model.bin, are never "
            "loaded. If you trust where they are from, convert them into a folder OUT and name "
            'that: python -c "from transformers import AutoFeatureExtractor as F, '
            "AutoModelForAudioClassification as M; "
            f"[k.from_pretrained({source!r}).save_pretrained('OUT') for k in (F, M)]\""
        )


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; a checkpoint's folder holds config.json, "
            "preprocessor_config.json and model.safetensors"
        )
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: found {type(content).__name__}; accepted is a JSON object")
    return content


def _check_sample_rate(path: Path) -> None:
    rate_hz = _read_json(path).get("sampling_rate", SAMPLE_RATE_HZ)
    if rate_hz != SAMPLE_RATE_HZ:
        raise InputError(
            f"{path}: found sampling_rate {rate_hz}; accepted is {SAMPLE_RATE_HZ}, the sample rate "
            "of all models"
        )


def _output_names(path: Path, config: dict[str, Any]) -> list[str]:
    """Return the labels of the checkpoint, one per output, in order."""
    try:
        names = {int(number): str(name) for number, name in config["id2label"].items()}
        return [names[number] for number in range(len(names))]
    except (KeyError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: id2label does not name the outputs 0, 1, ...; is it a classifier?"
        ) from error


def _mapping(names: list[str], emotions: Mapping[str, str], source: str) -> dict[str, str | None]:
    """Map each label of the checkpoint to an emotion, or to None where it is left out."""
    surplus = emotions.keys() - set(names)
    if surplus:
        raise InputError(
            f"labels: found {', '.join(sorted(surplus))}; model {source!r} has {', '.join(names)}"
        )
    mapping, unknown = {}, []
    for name in names:
        emotion = emotions.get(name, name)
        try:
            leave_out = emotion == DROP or emotion.strip().lower() in UNMAPPED_LABELS
            mapping[name] = None if leave_out else canonical_label(emotion)
        except InputError:
            unknown.append(name)
    if unknown:
        example = " ".join(f"{name}=EMOTION" for name in unknown)
        raise InputError(
            f"model {source!r}: no emotion is known for its label{'s' * (len(unknown) > 1)} "
            f"{', '.join(unknown)}. Say what they mean: ser-stream import-model {source} --output "
            f"DIR --labels {example}; an EMOTION is {', '.join(EMOTIONS)}, or {DROP}"
        )
    return mapping


def _frames(name: str, value_s: Seconds, max_s: Seconds, features: SampleConfig) -> int:
    """Return the number of frames nearest to that time."""
    if not 0.1 <= value_s <= max_s:
        raise InputError(f"{name}: found {value_s:g} s; accepted are 0.1 to {max_s:g}")
    return round(value_s / features.frame_s)


def _training_data(folder: Path) -> TrainingData:
    """Read datasets and licence from the head of the model card, which often lacks them."""
    head = _card_head(folder / "README.md")
    datasets = head.get("datasets") or ()
    datasets = (datasets,) if isinstance(datasets, str) else datasets
    licence = head.get("license")
    text = (
        f"its card says {licence} of the checkpoint; the licence of its training data is not known"
        if licence
        else "its licence is not known here: the folder has no card that names one; ask its authors"
    )
    return TrainingData(tuple(map(str, datasets)), text, commercial_use=False)


def _card_head(path: Path) -> dict[str, Any]:
    """Read the YAML between two lines of --- at the start of the Hub's model cards."""
    from ser_stream.strict_yaml import MAX_BYTES, parse_yaml  # here: other models need none

    try:
        text = read_limited(path, MAX_BYTES).decode("utf-8")
        _, head, _ = text.split("---\n", 2)
        content = parse_yaml(head, str(path))
    except (OSError, ValueError):  # no card, or a card without a head that can be read
        return {}
    return content if isinstance(content, dict) else {}
