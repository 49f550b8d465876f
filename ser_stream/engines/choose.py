"""Chooses the engine that runs a model, and opens the model with it.

`auto` is torch where torch and a GPU are there, and ONNX Runtime elsewhere. torch takes a second
and 200 MB to import, so it is imported only where it is used, or where there is an NVIDIA driver.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
from pathlib import Path

from ser_stream.engines.base import Network, UtteranceNetwork
from ser_stream.engines.names import AUTO, ENGINES, ONNX, ONNX_INT8, TORCH
from ser_stream.engines.self_test import check_network, check_utterance_network
from ser_stream.errors import InputError, shown
from ser_stream.models.description import check_takes_sound, check_takes_words, describe_model
from ser_stream.models.folder import WEIGHTS, model_file
from ser_stream.models.info import HUGGING_FACE, ModelInfo
from ser_stream.models.registry import ModelT

logger = logging.getLogger("ser_stream")

TRAIN_ANEW = "copy the whole folder again, or train the model again"


def open_network(
    model: str | Path, engine: str = AUTO, device: str = AUTO, threads: int | None = 1
) -> tuple[Network, ModelInfo]:
    """Open a streaming network for inference.

    Args:
        model: name of a shipped model, a model's folder, or a Hugging Face checkpoint.
        engine: one of `ENGINES`.
        device: "auto", "cpu" or "cuda"; only torch runs on a GPU.
        threads: threads of a call; None leaves them to the engine.

    Raises:
        InputError: the model, the engine or the device cannot be used.
    """
    folder, info = describe_model(model)
    check_takes_sound(model, info)
    engine = _chosen(engine, device, folder, info)
    if engine == TORCH:
        from ser_stream.engines.torch import TorchNetwork
        from ser_stream.models.base import EmotionModel

        loaded, info = _load_with_torch(model, EmotionModel, device, threads)
        network = TorchNetwork(loaded)
        check_network(network, folder, TRAIN_ANEW)
        return network, info
    from ser_stream.engines.onnx import OnnxNetwork

    return OnnxNetwork(folder, info, engine == ONNX_INT8, threads), info


def open_utterance_network(
    model: str | Path, engine: str = AUTO, device: str = AUTO, threads: int | None = 1
) -> tuple[UtteranceNetwork, ModelInfo]:
    """Open a network that takes sound and words; arguments as `open_network`.

    Raises:
        InputError: the model, the engine or the device cannot be used.
    """
    folder, info = describe_model(model)
    check_takes_words(model, info)
    if _chosen(ONNX if engine == ONNX_INT8 else engine, device, folder, info) == TORCH:
        from ser_stream.engines.torch import TorchUtteranceNetwork
        from ser_stream.models.base import BimodalModel

        loaded, info = _load_with_torch(model, BimodalModel, device, threads)
        utterance_network = TorchUtteranceNetwork(loaded)
        check_utterance_network(utterance_network, folder, TRAIN_ANEW)
        return utterance_network, info
    from ser_stream.engines.onnx import OnnxUtteranceNetwork

    return OnnxUtteranceNetwork(folder, info, threads), info


def torch_is_installed() -> bool:
    """Return whether torch can be imported, without importing it."""
    return importlib.util.find_spec("torch") is not None


def _chosen(engine: str, device: str, folder: Path, info: ModelInfo) -> str:
    """Return the engine that runs the model: one of `ENGINES` but `auto`."""
    if engine not in ENGINES:
        raise InputError(f"engine: found {shown(engine)}; accepted are {', '.join(ENGINES)}")
    if engine == AUTO:
        engine = _automatic(device, folder, info)
    if engine == TORCH:
        _require_torch(device, folder, info)
    elif device not in (AUTO, "cpu"):
        raise InputError(
            f"device: found {shown(device)}; engine {engine} runs on the CPU; accepted "
            "are auto, cpu, "
            "and others with engine torch"
        )
    elif info.architecture == HUGGING_FACE:
        raise InputError(
            f"engine: found {shown(engine)}; a Hugging Face checkpoint runs with torch: "
            "accepted are "
            "auto and torch"
        )
    return engine


def _automatic(device: str, folder: Path, info: ModelInfo) -> str:
    if device not in (AUTO, "cpu") or info.onnx is None:
        return TORCH
    # An installed package has some models as ONNX files only.
    has_weights = model_file(folder, WEIGHTS).is_file()
    if device == AUTO and has_weights and torch_is_installed() and _has_gpu():
        return TORCH
    return ONNX


def _has_gpu() -> bool:
    """Return whether torch can use a GPU; torch is imported only where there is a driver."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()


def _require_torch(device: str, folder: Path, info: ModelInfo) -> None:
    if torch_is_installed():
        return
    if device not in (AUTO, "cpu"):
        raise InputError(
            f"device: found {shown(device)}, but torch is not installed; accepted are "
            "auto and cpu, or "
            "install it: pip install 'ser_stream[cuda]'"
        )
    if info.architecture == HUGGING_FACE:
        raise InputError(
            f"model {info.name}: a Hugging Face checkpoint needs torch and transformers, which are "
            "not installed: pip install 'ser_stream[huggingface]'"
        )
    without_files = "" if info.onnx else "has no ONNX files, and "
    export = "" if info.onnx else f"; or, where torch is, ser-stream export {folder}"
    raise InputError(
        f"model {info.name}: {without_files}torch is not installed: "
        f"pip install 'ser_stream[cuda]'{export}"
    )


def _load_with_torch(
    model: str | Path, kind: type[ModelT], device: str, threads: int | None
) -> tuple[ModelT, ModelInfo]:
    """Load a network of this kind onto the device; torch's threads are those of the process."""
    import torch

    from ser_stream.engines.torch import torch_device
    from ser_stream.models.checkpoint import load_model

    if threads is not None:
        torch.set_num_threads(threads)
    return load_model(model, torch_device(device), kind)
