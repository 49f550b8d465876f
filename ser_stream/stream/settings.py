"""Every setting of a recogniser: its default, its unit and its accepted values."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ser_stream.asr.base import NONE, AsrSettings
from ser_stream.audio.block import AUTO as AUTO_CHANNEL
from ser_stream.audio.block import MIX, Channel
from ser_stream.audio.turns import TurnSettings
from ser_stream.engines.names import AUTO, ENGINES
from ser_stream.errors import InputError, shown
from ser_stream.units import Seconds

RANGES = {
    "min_speech_s": (0.1, 10.0),
    "min_confidence": (0.0, 1.0),
    "smoothing": (0.0, 0.99),
}
"""Name of a setting -> its lowest and highest value. `window_s` and `hop_s` depend on the model."""

CHANGEABLE = ("window_s", "hop_s", "min_speech_s", "min_confidence", "smoothing")
"""Settings that may be changed while a stream runs."""


@dataclasses.dataclass(frozen=True)
class RecognizerSettings:
    """Settings of a `Recognizer`. None means the model's own value.

    Attributes:
        model: name of a shipped model, a model's folder, or a Hugging Face audio classifier's
            folder or name on the Hub.
        window_s: length of a window in seconds, in whole steps of the model.
        hop_s: seconds from one estimate to the next, in whole steps of the model.
        min_speech_s: seconds of speech that a turn must hold to be judged; short turns close to
            each other count together.
        min_confidence: estimates with less confidence abstain.
        smoothing: weight of the past in interval estimates, in [0, 1).
        label_sets: whether estimates have `label_set`; the model must be calibrated for it.
        channel: index of the source's channel, from 0; "mix": the mean of all channels; or "auto":
            the channel with the clearest speech, which is chosen while listening.
        engine: what runs the networks: "onnx" (ONNX Runtime), "onnx-int8" (the same with weights
            in eight bits, for models that have them), "torch", or "auto": torch where it is
            installed and there is a GPU, or where the model has no ONNX files, else ONNX Runtime.
        device: "cpu", "cuda", or "auto": a GPU where there is one. ONNX Runtime runs on the CPU.
        threads: number of the engine's threads (torch's, in the whole process); None leaves it to
            the engine. More than one is slower wherever cores are shared.
        asr: which speech recogniser runs; by default none. It never delays an interval estimate.
            Where its model is missing or it fails, there are no words, and `status.asr` says why.
        text_model: shipped name or folder of a network that takes sound and words (CAN). A second
            estimate of modality "audio+text" follows wherever there are words. "": none.
        turns: when speech begins and ends.

    Raises:
        InputError: a setting has a value that is not accepted.
    """

    model: str | Path = "default"
    window_s: Seconds | None = None
    hop_s: Seconds | None = None
    min_speech_s: Seconds = 0.7
    min_confidence: float | None = None
    smoothing: float | None = None
    label_sets: bool = False
    channel: Channel = "mix"
    engine: str = AUTO
    device: str = AUTO
    threads: int | None = 1
    asr: AsrSettings = AsrSettings()
    text_model: str | Path = ""
    turns: TurnSettings = dataclasses.field(default_factory=TurnSettings)

    def __post_init__(self) -> None:
        self._check_types()
        for name in ("window_s", "hop_s"):
            _check_number(name, getattr(self, name))
        _check_range("min_speech_s", self.min_speech_s, may_be_none=False)
        _check_range("min_confidence", self.min_confidence)
        _check_range("smoothing", self.smoothing)
        if not isinstance(self.label_sets, bool):
            raise InputError(
                f"label_sets: found {shown(self.label_sets)}; accepted are True and False"
            )
        is_number = type(self.channel) is int and self.channel >= 0
        if not is_number and self.channel not in (MIX, AUTO_CHANNEL):
            raise InputError(
                f"channel: found {shown(self.channel)}; accepted are numbers from 0 on, "
                "'mix' and 'auto'"
            )
        if self.threads is not None and not (type(self.threads) is int and self.threads >= 1):
            raise InputError(
                f"threads: found {shown(self.threads)}; accepted are whole numbers from 1 "
                "on, and None"
            )
        if self.text_model and self.asr.backend == NONE:
            raise InputError(
                f"text_model: found {shown(str(self.text_model))}, but asr is {NONE}: no "
                "words; choose "
                "a speech recogniser, such as pocketsphinx"
            )

    def _check_types(self) -> None:
        for name in ("model", "text_model"):
            value = getattr(self, name)
            if not isinstance(value, str | Path):
                raise InputError(f"{name}: found {shown(value)}; accepted are names and paths")
        if self.engine not in ENGINES:
            raise InputError(
                f"engine: found {shown(self.engine)}; accepted are {', '.join(ENGINES)}"
            )
        if not isinstance(self.device, str):
            raise InputError(
                f"device: found {shown(self.device)}; accepted are auto, cpu, and cuda"
            )
        for name, kind in (("asr", AsrSettings), ("turns", TurnSettings)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise InputError(f"{name}: found {shown(value)}; accepted are {kind.__name__}(...)")

    def replace(self, **settings: Any) -> RecognizerSettings:
        """Return the settings with some of them replaced.

        Raises:
            InputError: there is no such setting, or its value is not accepted.
        """
        _check_names("settings", settings, [field.name for field in dataclasses.fields(self)])
        return dataclasses.replace(self, **settings)

    def changed(self, **settings: Any) -> RecognizerSettings:
        """Return the settings with some of `CHANGEABLE` replaced, for a stream that runs.

        Raises:
            InputError: a setting cannot be changed, or its value is not accepted.
        """
        _check_names("change", settings, CHANGEABLE)
        return dataclasses.replace(self, **settings)


def _check_names(where: str, found: dict[str, Any], accepted: list[str] | tuple[str, ...]) -> None:
    unknown = [name for name in found if name not in accepted]
    if unknown:
        raise InputError(f"{where}: found {', '.join(unknown)}; accepted are {', '.join(accepted)}")


def _check_number(name: str, value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise InputError(f"{name}: found {shown(value)}; accepted are numbers, and None")


def _check_range(name: str, value: Any, may_be_none: bool = True) -> None:
    if value is None and may_be_none:
        return
    low, high = RANGES[name]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and low <= value <= high):  # False for NaN, too
        raise InputError(f"{name}: found {shown(value)}; accepted are {low} to {high}")
