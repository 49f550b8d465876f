"""Export of a model to ONNX, for inference without torch (`ser_stream.engines.onnx`).

The files lie beside model.safetensors; model.json names them with their SHA-256. The exporter of
TorchScript is used, because it keeps an LSTM layer as one operator.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx
import onnx.helper
import torch
from torch import Tensor, nn

from ser_stream.engines.onnx import EIGHT_BIT, HEAD, LABELS, STEPS, TEXT_LOGITS, UTTERANCE
from ser_stream.engines.torch import ATTENTIONS
from ser_stream.errors import InputError
from ser_stream.features.segments import SegmentConfig
from ser_stream.files import sha256_of, write_bytes
from ser_stream.models.base import BimodalModel, EmotionModel, State
from ser_stream.models.checkpoint import load_model
from ser_stream.models.folder import WEIGHTS, model_file, replacing_model
from ser_stream.models.info import (
    HUGGING_FACE,
    SHIPPED,
    ModelInfo,
    OnnxExport,
    find_writable,
    read_info,
)
from ser_stream.models.segment_batch import SegmentBatch
from ser_stream.training.onnx_weights import QUANTISED, pack, quantise

OPSET = 17


def export_model(name_or_folder: str | Path, eight_bit: bool = False) -> ModelInfo:
    """Write a model's ONNX files and their SHA-256 into its folder.

    Args:
        eight_bit: also write the network with weights in eight bits, for streaming networks; done
            in any case for a model that has such files.

    Returns:
        The description that model.json now has.

    Raises:
        InputError: the model cannot be read, or is one that is not exported.
    """
    folder = find_writable(name_or_folder)
    info = read_info(folder)
    if info.architecture == HUGGING_FACE:
        raise InputError(
            f"model {info.name}: a Hugging Face checkpoint is not exported; it runs with torch"
        )
    with_words = isinstance(info.features, SegmentConfig)
    # What the model had is written again, rather than lost.
    eight_bit = eight_bit or (info.onnx is not None and EIGHT_BIT[STEPS] in info.onnx.files)
    if with_words and eight_bit:
        raise InputError(f"model {info.name}: takes words; --int8 goes with one of sound alone")
    with replacing_model(folder) as written:
        if with_words:
            export = _export_utterance(load_model(folder, kind=BimodalModel)[0], written)
        else:
            network = load_model(folder, kind=EmotionModel)[0]
            export = _export_streaming(network, written, eight_bit)
        weights = {WEIGHTS: sha256_of(model_file(folder, WEIGHTS))}
        info = dataclasses.replace(info, onnx=export, weights=weights)
        info.write(written)
    return info


class _Steps(nn.Module):
    """The front end with numbered states as its further inputs and outputs."""

    def __init__(self, model: EmotionModel):
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        if not state:
            return (self.model.encode(frames),)
        steps, after = self.model.encode_chunk(frames, state)
        return steps, *after


class _Head(nn.Module):
    """The head, whose outputs that a network lacks are left out."""

    def __init__(self, model: EmotionModel):
        super().__init__()
        self.model = model

    def forward(self, steps: Tensor, *offset: Tensor) -> tuple[Tensor, ...]:
        logits, affect = self.model.score(steps, offset=offset[0] if offset else None)
        outputs = (logits,) if affect is None else (logits, affect)
        if not offset:
            return outputs
        # The exporter drops an output that depends on no input.
        prior = self.model.prior_statistics + 0.0 * offset[0]
        return *outputs, self.model.statistics(steps), prior


class _Utterance(nn.Module):
    """A network that takes sound and words, for one utterance."""

    def __init__(self, model: BimodalModel):
        super().__init__()
        self.model = model

    def forward(
        self, frames: Tensor, frame_lengths: Tensor, words: Tensor, *ngrams: Tensor
    ) -> tuple[Tensor, ...]:
        batch = SegmentBatch(
            frames[None], frame_lengths[None], words[None], ngrams[0][None] if ngrams else None
        )
        logits, weights, text_logits = self.model.forward_with_details(batch)
        outputs = (logits, *(weights or ()), *(() if text_logits is None else (text_logits,)))
        return tuple(output[0] for output in outputs)


def export_steps(model: EmotionModel, path: Path) -> None:
    """Write the front end of a streaming network as an ONNX file."""
    frames, state = _example(model)
    names = [f"state_{number}" for number in range(len(state))]
    _export(
        _Steps(model),
        {"frames": frames, **dict(zip(names, state, strict=True))},
        ["steps", *(f"next_{name}" for name in names)],
        {
            "frames": {0: "batch", 1: "frames"},
            "steps": {0: "batch", 1: "steps"},
            **{name: {0: "batch"} for name in names},
        },
        path,
        model.labels,
    )


def _example(model: EmotionModel) -> tuple[Tensor, State]:
    """Return frames (2, frames, dimension) and the state before them."""
    n_frames = 2 * model.step_frames + (model.context_frames or 0)
    return -30.0 * torch.ones(2, n_frames, model.features.dimension), model.initial_state(2)


def _export_streaming(model: EmotionModel, folder: Path, eight_bit: bool) -> OnnxExport:
    frames, state = _example(model)
    with torch.inference_mode():
        steps = _Steps(model)(frames, *state)[0]
    if not model.shared_encoder:
        export_steps(model, folder / STEPS)
    heads = {"steps": steps}
    if model.remembers_statistics:
        heads["offset"] = torch.zeros(2, len(model.prior_statistics))
    outputs = ["logits"]
    if getattr(model, "affect", None) is not None:
        outputs.append("affect")
    if model.remembers_statistics:
        outputs += ["statistics", "prior_statistics"]
    axes = {name: {0: "batch"} for name in heads}
    axes["steps"][1] = "steps"
    _export(_Head(model), heads, outputs, axes, folder / HEAD, model.labels)
    if model.shared_encoder:
        return _with_shared_encoder(model, folder, eight_bit)
    files = [STEPS, HEAD]
    for name, quantised in EIGHT_BIT.items():
        if eight_bit and quantise(folder / name, folder / quantised, name == STEPS):
            files.append(quantised)
    if eight_bit and EIGHT_BIT[STEPS] not in files:
        raise InputError(
            f"--int8: the network's front end has fewer than two layers of {', '.join(QUANTISED)}, "
            "and its first one stays as it is; accepted is an export without --int8"
        )
    return OnnxExport(_packed(folder, files), model.framing, model.remembers_statistics)


def _with_shared_encoder(model: EmotionModel, folder: Path, eight_bit: bool) -> OnnxExport:
    """Describe the export of a network whose front end is a file that models share."""
    if eight_bit:
        raise InputError(
            "--int8: the network's front end is a file that models share; accepted is an export "
            "without --int8"
        )
    shared = SHIPPED / model.shared_encoder / STEPS
    files = {STEPS: sha256_of(shared), **_packed(folder, [HEAD])}
    return OnnxExport(files, model.framing, model.remembers_statistics, model.shared_encoder)


def _export_utterance(model: BimodalModel, folder: Path) -> OnnxExport:
    encoded = model.vocabulary.encode(["", ""])
    frames = torch.zeros(2, 3, model.features.dimension)
    inputs = {
        "frames": frames,
        "frame_lengths": torch.tensor([3, 2]),
        **{
            name: torch.from_numpy(array)
            for name, array in zip(["words", "ngrams"], encoded, strict=False)
        },
    }
    with torch.inference_mode():
        n_outputs = len(_Utterance(model)(*inputs.values()))
    axes = {
        "frames": {0: "segments", 1: "frames"},
        "frame_lengths": {0: "segments"},
        "words": {0: "words"},
        "ngrams": {0: "words", 1: "ngrams"},
    }
    outputs = ["logits", *ATTENTIONS, TEXT_LOGITS][:n_outputs]
    axes = {name: axes[name] for name in inputs}
    _export(_Utterance(model), inputs, outputs, axes, folder / UTTERANCE, model.labels)
    return OnnxExport(_packed(folder, [UTTERANCE]))


def _export(
    network: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: list[str],
    axes: Mapping[str, Mapping[int, str]],
    path: Path,
    labels: tuple[str, ...],
) -> None:
    """Write one network with named inputs and outputs, and the labels as metadata."""
    content = io.BytesIO()
    with _quiet(), _separate_attention_inputs(network), torch.no_grad():
        torch.onnx.export(
            network.eval(),
            tuple(inputs.values()),
            content,  # type: ignore[arg-type]  # a file in memory is accepted
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes={name: dict(named) for name, named in axes.items()},
            opset_version=OPSET,
            dynamo=False,
            external_data=False,
        )
    exported = onnx.load_model_from_string(content.getvalue())
    onnx.helper.set_model_props(exported, {LABELS: ",".join(labels)})
    write_bytes(path, exported.SerializeToString())


@contextlib.contextmanager
def _separate_attention_inputs(network: nn.Module) -> Iterator[None]:
    """Give attention layers three different objects, although some are the same tensor.

    torch's shorter path for the same object as keys and values fixes their length in the export.
    """

    def separate(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        queries, keys, values, *others = inputs
        return queries, keys.view_as(keys), values.view_as(values), *others

    hooks = [
        module.register_forward_pre_hook(separate)
        for module in network.modules()
        if isinstance(module, nn.MultiheadAttention)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Export without warnings: the constants that they are about are sizes of the network."""
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # its operator has no ONNX counterpart
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)


def _packed(folder: Path, files: list[str]) -> dict[str, str]:
    """Store the weights of the files in fewer bytes, and return each file's SHA-256."""
    for name in files:
        pack(folder / name)
    return {name: sha256_of(folder / name) for name in files}
