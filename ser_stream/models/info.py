"""The description of a model in model.json. No torch here: listing models must be quick.

`checksum` in model.json is the SHA-256 of the fields that answers depend on. A file that was edited
by hand is refused; without the field it is accepted, if each field is within its limits.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from ser_stream.errors import InputError, shown
from ser_stream.features.descriptors import DescriptorConfig
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.features.samples import SampleConfig
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.sherman import ShermanLogMelConfig
from ser_stream.files import write_json
from ser_stream.models.calibration import Calibration
from ser_stream.models.consistency import TRIGGERS, checked
from ser_stream.models.folder import DESCRIPTION, has_description, model_file
from ser_stream.models.framing import Framing
from ser_stream.models.hub import hub_folder, is_hub_name
from ser_stream.models.strict_json import read_json
from ser_stream.validation import Tagged, convert

SHIPPED = Path(__file__).parent.parent / "weights"
FORMAT = 1
HUGGING_FACE = "hugging_face"
"""Architecture of a folder that holds a Hugging Face checkpoint beside model.json."""
FRAME_FEATURES: dict[str, type] = {
    "log_mel": LogMelConfig,
    "segments": SegmentConfig,
    "sherman_log_mel": ShermanLogMelConfig,
    "descriptors": DescriptorConfig,
}
"""Value of `kind` in the settings of features -> their dataclass; features computed by frames."""
FEATURES: dict[str, type] = {**FRAME_FEATURES, "samples": SampleConfig}
"""All kinds of features; samples are those of Hugging Face checkpoints."""
FrameFeatures = Annotated[LogMelConfig, Tagged(FRAME_FEATURES, default="log_mel")]
Features = Annotated[LogMelConfig | SampleConfig, Tagged(FEATURES, default="log_mel")]
"""Settings of features; without `kind` they are those of log-mel spectrograms."""
CHECKSUM = "checksum"
ABOUT = ("name", "training_data", "results", CHECKSUM)
"""Fields that no answer depends on: a person may edit them."""

Name = Annotated[str, Meta(min_length=1, max_length=200)]
FileName = Annotated[str, Meta(pattern=r"^[\w-][\w.-]{0,100}$")]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Mean = Annotated[float, Meta(ge=-1e6, le=1e6)]
Deviation = Annotated[float, Meta(ge=1e-9, le=1e6)]


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """The data a model was trained on.

    Attributes:
        corpora: names and licences of the corpora, as a person would cite them.
        licence: what the weights may be used for.
        commercial_use: whether every corpus allows commercial use.
        seed: random seed of the training run; None where it is not known.
    """

    corpora: tuple[str, ...] = ()
    licence: str = ""
    commercial_use: bool = True
    seed: int | None = None


@dataclasses.dataclass(frozen=True)
class OnnxExport:
    """The ONNX files beside model.json, which `ser_stream.training.export` writes.

    Attributes:
        files: name of each file -> its SHA-256.
        framing: sizes of a streaming network; None for one that takes sound and words.
        remembers_statistics: see `EmotionModel`.
        shared_encoder: folder of `ser_stream/weights` that holds steps.onnx, where models share it.
    """

    files: dict[FileName, Sha256]
    framing: Framing | None = None
    remembers_statistics: bool = False
    shared_encoder: Annotated[str, Meta(pattern="^([a-z][a-z-]{0,50})?$")] = ""


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """Everything about a model but its weights.

    Attributes:
        architecture, options: name in `ser_stream.models.registry` and its keyword arguments; the
            vocabulary of a network that takes words is one of them.
        labels: emotion of each output.
        features: settings of the input features.
        mean, std: (features.dimension,) statistics of each feature over the training set, in the
            unit of the features (dB for log-mel bands); empty for features of kind "samples",
            which are not normalised by them.
        smoothing: smoothing of interval estimates, see `TurnDecoder`; calibration is fitted to it.
        speaker_memory: whether turns are normalised by earlier turns, see `SpeakerMemory`.
        calibration: trigger ("interval" or "utterance") -> calibration.
        training_data: corpora and licence.
        results: metrics of evaluations, for people.
        weights: name of each safetensors file -> its SHA-256; empty where it is not known.
        onnx: the exported network, for inference without torch; None where there is none.
    """

    name: Name
    architecture: Name
    labels: tuple[str, ...]
    features: Features
    mean: tuple[Mean, ...]
    std: tuple[Deviation, ...]
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    smoothing: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    speaker_memory: bool = False
    calibration: dict[str, Calibration] = dataclasses.field(
        default_factory=lambda: {trigger: Calibration() for trigger in TRIGGERS}
    )
    training_data: TrainingData = TrainingData()
    results: dict[str, Any] = dataclasses.field(default_factory=dict)
    weights: dict[FileName, Sha256] = dataclasses.field(default_factory=dict)
    onnx: OnnxExport | None = None

    @property
    def has_affect(self) -> bool:
        """Whether valence and arousal are an output of the network, not derived from scores."""
        return bool(self.options.get("affect"))

    def write(self, folder: Path) -> None:
        """Write model.json into a folder.

        Raises:
            InputError: a field has a value that `read_info` would not accept.
        """
        content = {"format": FORMAT, **dataclasses.asdict(self)}
        kind = next(name for name, config in FEATURES.items() if config is type(self.features))
        content["features"] = {"kind": kind, **content["features"]}
        content = json.loads(json.dumps(content))
        _described(content, str(folder / DESCRIPTION))
        content[CHECKSUM] = checksum(content)
        write_json(folder / DESCRIPTION, content)


def checksum(content: dict[str, Any]) -> str:
    """Return the SHA-256 of the fields that answers depend on, whatever their order and layout."""
    fields = {name: value for name, value in content.items() if name not in ABOUT}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def shipped_models() -> list[str]:
    """Return the names of the models that come with the package, `default` first."""
    names = (path.parent.name for path in SHIPPED.glob("*/model.json"))
    return sorted(names, key=lambda name: (name != "default", name))


def find_model(name_or_folder: str | Path) -> Path:
    """Return the folder of a model: a shipped one, any folder, or one of the Hugging Face Hub.

    Raises:
        InputError: there is no such model.
    """
    folder = SHIPPED / str(name_or_folder)
    if str(name_or_folder) in shipped_models():
        return folder
    folder = Path(name_or_folder)
    if has_description(folder) or os.path.isfile(folder / "config.json"):
        return folder
    if not os.path.exists(folder) and is_hub_name(str(name_or_folder)):
        return hub_folder(str(name_or_folder))
    found = "a folder without model.json" if os.path.isdir(folder) else "no such folder"
    found = "a file" if os.path.isfile(folder) else found
    raise InputError(
        f"model {shown(str(name_or_folder))}: {found}; accepted are "
        f"{', '.join(shipped_models())}, a folder with model.json and model.safetensors, or a "
        "Hugging Face checkpoint's folder or OWNER/NAME@COMMIT"
    )


def find_writable(name_or_folder: str | Path) -> Path:
    """Return the folder of a model whose model.json is going to be changed, see `find_model`.

    Raises:
        InputError: there is no such model, or it has no model.json.
    """
    folder = find_model(name_or_folder)
    if not has_description(folder):
        raise InputError(
            f"model {str(name_or_folder)!r}: a Hugging Face checkpoint has no model.json to write "
            f"to; make a model of it: ser-stream import-model {name_or_folder} --output DIR"
        )
    return folder


def read_info(folder: Path) -> ModelInfo:
    """Read and check model.json.

    Raises:
        InputError: the file is missing, is not JSON, or a field is unknown, missing or has a value
            that is not accepted.
    """
    path = model_file(folder, DESCRIPTION)
    content = read_json(path)
    found = content.get("format") if isinstance(content, dict) else None
    if type(found) is not int or found != FORMAT:
        raise InputError(f'{path}: not a model of ser_stream (expected "format": {FORMAT})')
    missing = [name for name in ("calibration", "training_data") if name not in content]
    if missing:  # a model without them could be built, but not be shipped
        raise InputError(f"{path}: settings missing: {', '.join(missing)}")
    info = _described(content, str(path))
    if CHECKSUM in content and content[CHECKSUM] != checksum(content):
        raise InputError(
            f"{path}: its fields are not those that {CHECKSUM} stands for: the file was edited or "
            f"damaged. Copy the whole folder again; to use it as it is, remove the line {CHECKSUM}"
        )
    return info


def _described(content: dict[str, Any], where: str) -> ModelInfo:
    """Return the description that the content of model.json stands for.

    Raises:
        InputError: see `read_info`.
    """
    fields = {name: value for name, value in content.items() if name not in ("format", CHECKSUM)}
    return checked(convert(fields, ModelInfo, where), where)
