"""Device, memory format and precision of a network in training."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import torch

from ser_stream.models.base import NormalisingModel

NetworkT = TypeVar("NetworkT", bound=NormalisingModel)


def has_bfloat16(device: torch.device) -> bool:
    """Return whether the device computes in bfloat16 itself.

    A training step is then two to three times faster; emulated, it is seven times slower.
    """
    if device.type == "cpu":
        capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.11
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)


def to_cpu(model: NetworkT) -> NetworkT:
    """Return a trained network on the CPU, in torch's default memory format."""
    return move(model, torch.device("cpu"), torch.contiguous_format)


def move(model: NetworkT, device: torch.device, memory_format: torch.memory_format) -> NetworkT:
    """Return the network on a device, in a memory format."""
    # torch's type stubs lack this overload.
    return cast(NetworkT, cast(Any, model).to(device, memory_format=memory_format))
