"""Inference with ONNX Runtime on the CPU: the default, without torch.

A model's folder holds the networks that `ser_stream.training.export` wrote, and model.json their
SHA-256. A streaming network has two files::

    steps.onnx   frames (batch, frames, dimension), state_0, ... -> steps, next_state_0, ...
    head.onnx    steps (batch, steps, n), offset -> logits, affect, statistics, prior_statistics

and a network that takes sound and words has one, for one utterance::

    utterance.onnx   frames (segments, frames, dimension), frame_lengths, words, ngrams -> logits,
                     text_attention, audio_attention, text_logits

Inputs and outputs that a network has no use for are absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from ser_stream.engines.base import Array, Outputs, State, UtteranceOutputs
from ser_stream.engines.names import ONNX, ONNX_INT8
from ser_stream.engines.onnx_values import not_finite
from ser_stream.engines.self_test import FAILURES, check_network, check_utterance_network
from ser_stream.errors import InputError
from ser_stream.features.base import StreamingFeatureConfig
from ser_stream.features.segments import SegmentConfig
from ser_stream.features.vocabulary import Vocabulary
from ser_stream.file_checks import require_sha256
from ser_stream.files import plain_name, sha256_of
from ser_stream.models.folder import model_file
from ser_stream.models.framing import Framing
from ser_stream.models.info import SHIPPED, ModelInfo, OnnxExport

STEPS, HEAD, UTTERANCE = "steps.onnx", "head.onnx", "utterance.onnx"
TEXT_LOGITS = "text_logits"
"""Output of utterance.onnx: the logits of a classifier of the words alone."""
EIGHT_BIT = {"steps.onnx": "steps.int8.onnx", "head.onnx": "head.int8.onnx"}
"""File -> the same network with weights in eight bits, where the model has it."""
MAX_BYTES = 2**30
"""Size of the largest file that is read; the largest shipped one has 14 MiB."""
LABELS = "labels"
"""Key of a file's metadata that holds the labels, separated by commas."""


class OnnxNetwork:
    """A streaming network that ONNX Runtime runs, see `ser_stream.engines.base.Network`.

    Args:
        folder: the model's folder.
        info: its description.
        eight_bit: run the files with eight-bit weights.
        threads: threads of one call; None: as many as there are cores.

    Raises:
        InputError: the files are missing, or do not match the description.
    """

    def __init__(
        self, folder: Path, info: ModelInfo, eight_bit: bool = False, threads: int | None = 1
    ):
        export = _export(folder, info)
        if export.framing is None:
            raise InputError(f"{folder / 'model.json'}: onnx.framing: missing; {_anew(folder)}")
        steps, head = (EIGHT_BIT[STEPS], EIGHT_BIT[HEAD]) if eight_bit else (STEPS, HEAD)
        if eight_bit and steps not in export.files:
            raise InputError(
                f"model {info.name}: has no {steps}; accepted are the engines onnx and auto "
                "(`ser-stream export --int8` writes the file, if the network has such layers)"
            )
        if head not in export.files:  # where eight bits would not make it smaller
            head = HEAD
        self.engine = ONNX_INT8 if eight_bit else ONNX
        self.framing: Framing = export.framing
        self.labels: tuple[str, ...] = info.labels
        self.features: StreamingFeatureConfig = info.features
        self.has_speaker_memory = info.speaker_memory
        self.remembers_statistics = export.remembers_statistics
        encoder = folder if not export.shared_encoder else SHIPPED / export.shared_encoder
        self._steps = _OnnxFile(model_file(encoder, steps), export, info, threads)
        self._head = _OnnxFile(model_file(folder, head), export, info, threads)
        self._head.check_labels(info)
        self._steps.check_width("frames", self.features.dimension)
        self._head.check_width("logits", len(info.labels))
        if export.remembers_statistics != ("offset" in self._head.inputs):
            raise InputError(
                f"{self._head.path}: its inputs are {', '.join(self._head.inputs)}; model.json has "
                f"remembers_statistics: {str(export.remembers_statistics).lower()}; {_anew(folder)}"
            )
        self._state_names = [n for n in self._steps.outputs if n.startswith("next_state_")]
        self.prior_statistics: Array = np.array(info.mean, np.float32)
        if self.remembers_statistics:
            try:
                self.prior_statistics = self._read_prior()
            except FAILURES as error:
                raise InputError(
                    f"{self._head.path}: {_one_line(error)}; {_anew(folder, eight_bit)}"
                ) from error
        check_network(self, folder, _anew(folder, eight_bit))

    def initial_state(self, batch: int) -> State:
        """See the protocol."""
        return tuple(
            np.zeros((batch, *self._steps.inputs[name.removeprefix("next_")][1:]), np.float32)
            for name in self._state_names
        )

    def encode(self, frames: Array, state: State) -> tuple[Array, State]:
        """See the protocol."""
        feed = {"frames": frames}
        for name, array in zip(self._state_names, state, strict=True):
            feed[name.removeprefix("next_")] = array
        steps, *after = self._steps.run(["steps", *self._state_names], feed)
        return steps, tuple(after)

    def score(self, steps: Array, offset: Array | None) -> Outputs:
        """See the protocol."""
        feed = {"steps": steps}
        if "offset" in self._head.inputs:
            if offset is None:
                offset = np.zeros((len(steps), len(self.prior_statistics)), np.float32)
            feed["offset"] = offset
        names = [n for n in ("logits", "affect", "statistics") if n in self._head.outputs]
        found = dict(zip(names, self._head.run(names, feed), strict=True))
        return Outputs(found["logits"], found.get("affect"), found.get("statistics"))

    def _read_prior(self) -> Array:
        """Return the output that does not depend on the values of the inputs."""
        width = self._head.inputs["steps"][2]
        n = self._head.inputs["offset"][1]
        feed = {
            "steps": np.zeros((1, 1, width), np.float32),
            "offset": np.zeros((1, n), np.float32),
        }
        return self._head.run(["prior_statistics"], feed)[0][0]


class OnnxUtteranceNetwork:
    """A network that takes sound and words, run by ONNX Runtime; see `UtteranceNetwork`.

    Args:
        folder: the model's folder.
        info: its description.
        threads: threads of one call; None: as many as there are cores.

    Raises:
        InputError: the file is missing, or does not match the description.
    """

    def __init__(self, folder: Path, info: ModelInfo, threads: int | None = 1):
        export = _export(folder, info)
        assert isinstance(info.features, SegmentConfig), "checked by whoever chose the engine"
        self.labels: tuple[str, ...] = info.labels
        self.features: SegmentConfig = info.features
        options = info.options
        words, buckets = options.get("vocabulary", ()), options.get("ngram_buckets", 0)
        try:
            self.vocabulary = Vocabulary(words, buckets)
        except InputError as error:
            raise InputError(f"{folder / 'model.json'}: options.{error}") from error
        self._file = _OnnxFile(model_file(folder, UTTERANCE), export, info, threads)
        self._file.check_labels(info)
        self._file.check_width("frames", self.features.dimension)
        self._file.check_width("logits", len(info.labels))
        check_utterance_network(self, folder, _anew(folder))

    def outputs(self, segments: Sequence[Array], words: Sequence[Array]) -> UtteranceOutputs:
        """See the protocol."""
        lengths = np.array([len(frames) for frames in segments], np.int64)
        padded = np.zeros((len(segments), lengths.max(), self.features.dimension), np.float32)
        for row, frames in zip(padded, segments, strict=True):
            row[: len(frames)] = frames
        numbers, *ngrams = words
        feed = {"frames": padded, "frame_lengths": lengths, "words": numbers}
        feed.update(zip(["ngrams"], ngrams, strict=False))
        feed = {name: array for name, array in feed.items() if name in self._file.inputs}
        names = list(self._file.outputs)
        found = dict(zip(names, self._file.run(names, feed), strict=True))
        logits, text_logits = found.pop("logits"), found.pop(TEXT_LOGITS, None)
        attention = {name: heads.mean(axis=0) for name, heads in found.items()}
        return UtteranceOutputs(logits, attention, text_logits)


def _anew(folder: Path, eight_bit: bool = False) -> str:
    return f"write it anew: ser-stream export {'--int8 ' if eight_bit else ''}{folder}"


def _export(folder: Path, info: ModelInfo) -> OnnxExport:
    if info.onnx is None:
        raise InputError(
            f"model {info.name}: has no ONNX files; write them with torch: "
            f"pip install 'ser_stream[train]', ser-stream export {folder}"
        )
    return info.onnx


class _OnnxFile:
    """One ONNX file, checked against model.json.

    Attributes:
        inputs, outputs: name -> shape; a dimension that may vary is a name.

    Raises:
        InputError: the file is missing, damaged, or another one than model.json names.
    """

    def __init__(self, path: Path, export: OnnxExport, info: ModelInfo, threads: int | None):
        self.path = path
        self._anew = _anew(path.parent, "int8" in path.name)
        _check_file(path, export.files.get(path.name))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 0 if threads is None else threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Lengths vary from call to call: a plan of the memory per length would be kept for each.
        options.enable_mem_pattern = False
        # An arena keeps the memory of the largest call, and is no quicker here.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3  # what matters is raised
        try:
            with plain_name(path) as name:
                self._session = onnxruntime.InferenceSession(
                    str(name), options, providers=["CPUExecutionProvider"]
                )
        except Exception as error:  # of types that onnxruntime does not export
            raise InputError(f"{path}: ONNX Runtime cannot load it: {_one_line(error)}") from error
        _check_values(path, self._anew)
        self.inputs: dict[str, list[Any]] = {i.name: i.shape for i in self._session.get_inputs()}
        self.outputs: dict[str, list[Any]] = {o.name: o.shape for o in self._session.get_outputs()}
        self._labels = self._session.get_modelmeta().custom_metadata_map.get(LABELS, "")

    def check_labels(self, info: ModelInfo) -> None:
        """Check the labels that the file was written with.

        Raises:
            InputError: model.json has others.
        """
        if self._labels != ",".join(info.labels):
            raise InputError(
                f"{self.path}: found the labels {self._labels or 'none'}; model.json has "
                f"{','.join(info.labels)}; {self._anew}"
            )

    def check_width(self, name: str, width: int) -> None:
        """Check the last dimension of an input or output.

        Raises:
            InputError: there is no such array, or its last dimension is another one.
        """
        shape = (self.inputs | self.outputs).get(name)
        if shape is None or shape[-1] != width:
            raise InputError(
                f"{self.path}: {name}: found shape {shape}; model.json needs {width} values in the "
                f"last dimension; {self._anew}"
            )

    def run(self, names: Sequence[str], feed: dict[str, Array]) -> list[Array]:
        """Return the outputs of these names.

        Raises:
            RuntimeError: ONNX Runtime failed.
        """
        try:
            return self._session.run(names, feed)
        except Exception as error:  # of types that onnxruntime does not export
            raise RuntimeError(f"{self.path.name}: {_one_line(error)}") from error


def _check_file(path: Path, expected: str | None) -> None:
    """Check a file's size and SHA-256.

    Raises:
        InputError: it is another file or too large, or cannot be read.
    """
    anew = _anew(path.parent, "int8" in path.name)
    if expected is None:
        raise InputError(f"{path.parent / 'model.json'}: onnx.files: lacks {path.name}; {anew}")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{path}: found {size} bytes; accepted are {MAX_BYTES} at most")
        found = sha256_of(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; model.json names it; {anew}") from error
    require_sha256(path, found, expected, "model.json", f"; {anew}")


def _check_values(path: Path, anew: str) -> None:
    """Check that a file that ONNX Runtime has loaded holds no weights that are not finite.

    Raises:
        InputError: it does.
    """
    try:
        name = not_finite(memoryview(path.read_bytes()))
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: {error}; {anew}") from error
    if name is not None:
        raise InputError(f"{path}: {name} holds NaN or infinite values; {anew}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
