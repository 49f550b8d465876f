"""The folders that training writes: the record of a run, and the model with its card.

A model folder holds `model.safetensors`, `model.json` and `README.md`; a run's folder also holds
`run.json`. All of them are written here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from ser_stream.corpora.base import Utterance
from ser_stream.errors import InputError
from ser_stream.files import write_json, write_text
from ser_stream.models.base import NormalisingModel
from ser_stream.models.checkpoint import save_weights
from ser_stream.models.folder import replacing_model
from ser_stream.models.info import ModelInfo, TrainingData, find_writable, read_info
from ser_stream.training.model_card import model_card
from ser_stream.training.provenance import environment

RUN_FILE = "run.json"
STATE_FILE = "state.pt"
"""Name of the file that an interrupted run resumes from."""


def save_model_folder(
    folder: Path, network: NormalisingModel, info: ModelInfo, eight_bit: bool = False
) -> None:
    """Write weights, model.json and the model card; they replace those of a model that is there.

    Args:
        eight_bit: whether to round the weights to eight bits.
    """
    with replacing_model(folder) as written:
        write_description(written, save_weights(written, network, info, eight_bit))


def replace_description(folder: Path, info: ModelInfo) -> None:
    """Replace model.json and the model card of a folder whose weights stay as they are."""
    with replacing_model(folder) as written:
        write_description(written, info)


def write_description(folder: Path, info: ModelInfo) -> None:
    """Write model.json and the model card into the folder that `replacing_model` yields."""
    info.write(folder)
    write_text(folder / "README.md", model_card(info))


def save_report(model: str | Path, report: dict[str, Any]) -> None:
    """Add the report of `evaluate_model` to the model's model.json and card.

    Raises:
        InputError: the model has no model.json, see `find_writable`.
    """
    _save_results(model, report["part"], report)


def save_pair_scores(model: str | Path, part: str, report: dict[str, dict]) -> None:
    """Add the scores of `evaluate_speech_text` on a part to the model's model.json and card.

    Raises:
        InputError: the model has no model.json, see `find_writable`.
    """
    _save_results(model, part, report)


def _save_results(model: str | Path, part: str, results: dict[str, Any]) -> None:
    folder = find_writable(model)
    info = read_info(folder)
    replace_description(folder, dataclasses.replace(info, results={**info.results, part: results}))


def part_sizes(parts: Mapping[str, Sequence[Utterance]]) -> dict[str, dict[str, int]]:
    """Return the numbers of utterances and of speakers in each part, for run.json."""
    return {
        "utterances": {name: len(members) for name, members in parts.items()},
        "speakers": {name: len({u.speaker for u in members}) for name, members in parts.items()},
    }


def write_run_record(
    folder: Path, network: nn.Module, seed: int, settings: Mapping[str, Any]
) -> None:
    """Write run.json: the settings and data of a run, the versions and the machine.

    Args:
        settings: "recipe" or "experiment", and all else that the result depends on.

    Raises:
        InputError: the folder holds the state of a run with other settings, which would be resumed.
    """
    settings = {**settings, "seed": seed}
    if any(any(folder.glob(f"{parent}{STATE_FILE}")) for parent in ("", "*/")):
        check_same_run(folder, settings)
    content = {
        **{name: _plain(value) for name, value in settings.items()},
        "parameters": sum(p.numel() for p in network.parameters()),
        **environment(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / RUN_FILE, content)


def check_same_run(folder: Path, settings: Mapping[str, Any]) -> None:
    """Check that a folder has no run, or one with these settings, see `write_run_record`.

    Raises:
        InputError: the folder has a run with other settings.
    """
    if not (folder / RUN_FILE).is_file():
        return
    earlier = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    present = json.loads(json.dumps({name: _plain(value) for name, value in settings.items()}))
    if difference := _difference({name: earlier.get(name) for name in present}, present):
        raise InputError(
            f"{folder}: found a run with {difference}; use the same settings to continue it, "
            "or another folder"
        )


def _difference(earlier: Any, present: Any, name: str = "") -> str:
    """Return the first setting that differs, with both values; "" if none does."""
    if not isinstance(earlier, dict) or not isinstance(present, dict):
        return "" if earlier == present else f"{name} {earlier!r}, which is {present!r} now"
    for key in {**earlier, **present}:
        inner = f"{name}.{key}" if name else key
        if found := _difference(earlier.get(key), present.get(key), inner):
            return found
    return ""


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value


class Licensed(Protocol):
    """The description of a corpus, of speech or of texts."""

    @property
    def title(self) -> str: ...

    @property
    def licence(self) -> str: ...

    @property
    def commercial_use(self) -> bool: ...


def training_data(
    corpora: Sequence[Licensed],
    pretrained_parts: Sequence[str],
    seed: int,
    pretrained: TrainingData | None = None,
) -> TrainingData:
    """Describe the training data of a model, and the licence of its weights.

    Args:
        pretrained_parts: sources of pretrained weights, named after the corpora.
        pretrained: training data of a model that became a part of this one.
    """
    names = [f"{corpus.title} ({corpus.licence})" for corpus in corpora]
    restricted = [corpus.title for corpus in corpora if not corpus.commercial_use]
    names += pretrained_parts
    if pretrained is not None:
        names += pretrained.corpora
        if not pretrained.commercial_use:
            restricted.append("the pretrained part's corpora")
    licence = "all corpora allow commercial use"
    if restricted:
        licence = f"non-commercial use only, because of {' and '.join(restricted)}"
    return TrainingData(tuple(names), licence, not restricted, seed)


def with_own_clips(data: TrainingData, clips: str, seed: int) -> TrainingData:
    """Describe the training data of a model that was fine-tuned on own clips.

    Args:
        clips: description of the clips, such as "labels.csv, 36 own clips".
    """
    return dataclasses.replace(
        data,
        corpora=(*data.corpora, clips),
        licence=f"{data.licence}; and what the speakers of the own clips agreed to",
        seed=seed,
    )
