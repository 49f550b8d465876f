"""What model.json says of a model. No torch here: listing models must be quick."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from ser_stream.emotion import INTERVAL, UTTERANCE, canonical_label
from ser_stream.errors import InputError
from ser_stream.features.descriptors import DescriptorConfig
from ser_stream.features.log_mel import LogMelConfig
from ser_stream.features.samples import SampleConfig
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.sherman import ShermanLogMelConfig
from ser_stream.files import write_json
from ser_stream.models.calibration import Calibration
from ser_stream.models.hub import hub_folder, is_hub_name

SHIPPED = Path(__file__).parent.parent / "weights"
FORMAT = 1
HUGGING_FACE = "hugging_face"
"""Architecture of a folder that holds a Hugging Face checkpoint beside model.json."""
FEATURES = {
    "log_mel": LogMelConfig,
    "segments": SegmentConfig,
    "sherman_log_mel": ShermanLogMelConfig,
    "descriptors": DescriptorConfig,
    "samples": SampleConfig,
}
"""Name of a kind of features -> their settings. A description without a name is of log_mel."""


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """Where a model's knowledge is from.

    Attributes:
        corpora: names and licences, as a person would cite them.
        licence: what the weights may be used for.
        commercial_use: whether every corpus allows it.
        seed: of the training run; None where it is not known.
    """

    corpora: tuple[str, ...] = ()
    licence: str = ""
    commercial_use: bool = True
    seed: int | None = None


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """All of a model but its weights.

    Attributes:
        architecture, options: a name in `ser_stream.models.registry`, and its keyword arguments;
            the vocabulary of a network that sees words is among them.
        labels: one per output.
        features: settings of the features it is given.
        mean, std: (features.dimension,) statistics of each band over the training set, in dB;
            empty where features are samples, which are not normalised by them.
        smoothing: of interval estimates, see `TurnDecoder`; calibration is fitted to it.
        speaker_memory: whether turns are normalised by the turns before, see `SpeakerMemory`.
        calibration: by trigger, "interval" and "utterance".
        results: measured figures, for people.
    """

    name: str
    architecture: str
    labels: tuple[str, ...]
    features: LogMelConfig | SampleConfig
    mean: tuple[float, ...]
    std: tuple[float, ...]
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    smoothing: float = 0.0
    speaker_memory: bool = False
    calibration: dict[str, Calibration] = dataclasses.field(
        default_factory=lambda: {INTERVAL: Calibration(), UTTERANCE: Calibration()}
    )
    training_data: TrainingData = TrainingData()
    results: dict[str, Any] = dataclasses.field(default_factory=dict)

    def write(self, folder: Path) -> None:
        content = {"format": FORMAT, **dataclasses.asdict(self)}
        kind = next(name for name, config in FEATURES.items() if config is type(self.features))
        content["features"] = {"kind": kind, **content["features"]}
        write_json(folder / "model.json", content)


def shipped_models() -> list[str]:
    """Names of the models that come with the package, `default` first."""
    names = (path.parent.name for path in SHIPPED.glob("*/model.json"))
    return sorted(names, key=lambda name: (name != "default", name))


def find_model(name_or_folder: str | Path) -> Path:
    """Folder of a shipped model, the folder that is named, or one of the Hugging Face Hub.

    Raises:
        InputError: it is none of them.
    """
    folder = SHIPPED / str(name_or_folder)
    if str(name_or_folder) in shipped_models():
        return folder
    folder = Path(name_or_folder)
    if has_description(folder) or (folder / "config.json").is_file():
        return folder
    if not folder.exists() and is_hub_name(str(name_or_folder)):
        return hub_folder(str(name_or_folder))
    found = "a folder without model.json" if folder.is_dir() else "no such folder"
    raise InputError(
        f"model {str(name_or_folder)!r}: {'a file' if folder.is_file() else found}; accepted are "
        f"{', '.join(shipped_models())}, a folder with model.json and model.safetensors, or a "
        "Hugging Face checkpoint's folder or name"
    )


def has_description(folder: Path) -> bool:
    """Whether it is a model of ser_stream, not a bare Hugging Face checkpoint."""
    return (folder / "model.json").is_file()


def find_writable(name_or_folder: str | Path) -> Path:
    """As `find_model`, of a model whose model.json is to be changed.

    Raises:
        InputError: it has none.
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
        InputError: it is not JSON, or not one of ours.
    """
    path = folder / "model.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            raise InputError(f'{path}: not a model of ser_stream (expected "format": {FORMAT})')
        content["labels"] = tuple(canonical_label(label) for label in content["labels"])
        content["features"] = read_features(content["features"])
        content["calibration"] = {
            trigger: _read_calibration(content["calibration"][trigger], content["labels"])
            for trigger in (INTERVAL, UTTERANCE)
        }
        data = content["training_data"]
        content["training_data"] = TrainingData(**{**data, "corpora": tuple(data["corpora"])})
        for name in ("mean", "std"):
            content[name] = tuple(float(value) for value in content[name])
            features = content["features"]
            expected = 0 if isinstance(features, SampleConfig) else features.dimension
            if len(content[name]) != expected:
                raise ValueError(
                    f"{name} has {len(content[name])} values for {expected} of each frame"
                )
        return ModelInfo(**content)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except KeyError as error:
        raise InputError(f"{path}: {error} is missing") from error
    except (ValueError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: {error}") from error


def _read_calibration(settings: dict[str, Any], labels: tuple[str, ...]) -> Calibration:
    lists = {name: tuple(map(float, settings.get(name, ()))) for name in ("neutral", "offset")}
    for name, values in lists.items():
        if values and len(values) != len(labels):
            raise ValueError(
                f"calibration: {name} has {len(values)} values for {len(labels)} labels"
            )
    return Calibration(**{**settings, **lists})


def read_features(settings: dict[str, Any]) -> LogMelConfig | SampleConfig:
    """Settings of features, of which `kind` says the kind.

    Raises:
        ValueError: the kind is not known, or it does not accept a value.
        TypeError: a setting is not known.
    """
    settings = dict(settings)
    kind = settings.pop("kind", "log_mel")
    if kind not in FEATURES:
        raise ValueError(f"features of kind {kind!r}; accepted are {', '.join(FEATURES)}")
    return FEATURES[kind](
        **{n: tuple(v) if isinstance(v, list) else v for n, v in settings.items()}
    )
