"""Inference with torch: every model, on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ser_stream.engines.base import Array, Outputs, State, UtteranceOutputs
from ser_stream.engines.names import TORCH
from ser_stream.errors import InputError
from ser_stream.features.base import StreamingFeatureConfig
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.vocabulary import Vocabulary
from ser_stream.models.base import BimodalModel, EmotionModel
from ser_stream.models.framing import Framing
from ser_stream.models.segment_batch import SegmentBatch

ATTENTIONS = ("text_attention", "audio_attention")
"""Names of the attention weights of a network with cross attention."""


def torch_device(device: str) -> str:
    """Return torch's name of a device; for "auto", that of a GPU where there is one.

    Raises:
        InputError: the device cannot be used.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and torch.cuda.is_available():
        return device  # not touched here: each of several processes uses only its own GPU
    try:
        torch.device(device)
    except RuntimeError as error:  # whose message lists two dozen names
        raise _device_error(device, "torch has no device of that name") from error
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise _device_error(device, str(error).splitlines()[0]) from error
    return device


def _device_error(device: str, reason: str) -> InputError:
    return InputError(
        f"device {device!r}: {reason}; accepted are auto, cpu, and cuda where there is a GPU"
    )


class TorchNetwork:
    """A streaming network that torch runs, see `ser_stream.engines.base.Network`.

    Args:
        model: the network, in evaluation mode, on its device.
    """

    def __init__(self, model: EmotionModel):
        # Channels last: two-dimensional convolutions take down to a third of the time on a CPU.
        self.model: EmotionModel = model.to(  # type: ignore[call-overload]
            memory_format=torch.channels_last
        )
        self._device = next(model.parameters()).device
        self.engine = f"{TORCH} on {self._device.type}"
        self.labels: tuple[str, ...] = model.labels
        self.features: StreamingFeatureConfig = model.features
        self.framing: Framing = model.framing
        self.has_speaker_memory: bool = model.has_speaker_memory
        self.remembers_statistics: bool = model.remembers_statistics
        self.prior_statistics: Array = _to_numpy(model.prior_statistics)

    def initial_state(self, batch: int) -> State:
        """See the protocol."""
        return tuple(map(_to_numpy, self.model.initial_state(batch)))

    def encode(self, frames: Array, state: State) -> tuple[Array, State]:
        """See the protocol."""
        with torch.inference_mode():
            if self.framing.context_frames is None:
                steps, after = self.model.encode_chunk(
                    self._tensor(frames), tuple(map(self._tensor, state))
                )
                return _to_numpy(steps), tuple(map(_to_numpy, after))
            return _to_numpy(self.model.encode(self._tensor(frames))), ()

    def score(self, steps: Array, offset: Array | None) -> Outputs:
        """See the protocol."""
        with torch.inference_mode():
            on_device = self._tensor(steps)
            logits, affect = self.model.score(
                on_device, offset=None if offset is None else self._tensor(offset)
            )
            statistics = None
            if self.remembers_statistics:
                statistics = _to_numpy(self.model.statistics(on_device))
        return Outputs(_to_numpy(logits), None if affect is None else _to_numpy(affect), statistics)

    def _tensor(self, array: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)


class TorchUtteranceNetwork:
    """A network that takes sound and words, run by torch; see `UtteranceNetwork`.

    Args:
        model: the network, in evaluation mode, on its device.
    """

    def __init__(self, model: BimodalModel):
        self.model = model
        self.labels: tuple[str, ...] = model.labels
        self.features: SegmentConfig = model.features
        self.vocabulary: Vocabulary = model.vocabulary
        self._device = next(model.parameters()).device

    def outputs(self, segments: Sequence[Array], words: Sequence[Array]) -> UtteranceOutputs:
        """See the protocol."""
        batch = SegmentBatch.pad([(segments, *words)]).to(self._device)
        with torch.inference_mode():
            logits, weights, text_logits = self.model.forward_with_details(batch)
        attention: dict[str, Any] = (
            {} if weights is None else dict(zip(ATTENTIONS, weights, strict=True))
        )
        return UtteranceOutputs(
            _to_numpy(logits)[0],
            {name: _to_numpy(heads)[0].mean(axis=0) for name, heads in attention.items()},
            None if text_logits is None else _to_numpy(text_logits)[0],
        )


def _to_numpy(tensor: Tensor) -> Array:
    return tensor.detach().float().cpu().numpy()
