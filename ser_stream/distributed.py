"""Distributed training: division of work among the processes that `torchrun` starts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import numpy as np
import torch
import torch.distributed as dist


@contextlib.contextmanager
def process_group(device: str) -> Iterator[str]:
    """Join the process group if torchrun started one; yield the device of this process.

    With CUDA each process takes the GPU of its local rank.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    if device.startswith("cuda"):
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Return the number of this process, from 0, as set by torchrun."""
    return int(os.environ.get("RANK", "0"))


def is_first() -> bool:
    """Return whether this process is the one that validates and writes."""
    return rank() == 0


def share_of_process(items: np.ndarray) -> np.ndarray:
    """Return this process's part of a batch; without a process group, all of it."""
    if not dist.is_initialized():
        return items
    return items[rank() :: dist.get_world_size()]


def wait_for_all() -> None:
    """Wait until every process has reached this call."""
    if dist.is_initialized():
        dist.barrier()


@contextlib.contextmanager
def first_before_others() -> Iterator[None]:
    """Run the body in the first process, then in the others, so that files are written once."""
    if not is_first():
        wait_for_all()
    yield
    if is_first():
        wait_for_all()
