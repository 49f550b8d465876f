"""Several training processes, started by `torchrun`: who does what."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import numpy as np
import torch
import torch.distributed as dist


@contextlib.contextmanager
def joined(device: str) -> Iterator[str]:
    """Meet the other processes, if torchrun started any; yields this process's device.

    With CUDA each process takes the GPU of its number on this machine.
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
    """Number of this process, from 0; torchrun tells it."""
    return int(os.environ.get("RANK", "0"))


def is_first() -> bool:
    """Whether this process is the one that judges and writes."""
    return rank() == 0


def own_part(items: np.ndarray) -> np.ndarray:
    """This process's part of a batch: all of it where there is one process."""
    if not dist.is_initialized():
        return items
    return items[rank() :: dist.get_world_size()]


def wait_for_all() -> None:
    """Return when every process has come here."""
    if dist.is_initialized():
        dist.barrier()


@contextlib.contextmanager
def first_before_others() -> Iterator[None]:
    """The first process does it alone, the others when it is done: files are written once."""
    if not is_first():
        wait_for_all()
    yield
    if is_first():
        wait_for_all()
