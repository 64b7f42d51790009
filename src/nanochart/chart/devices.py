"""Where a training runs: the device that was asked for, or the best there is; and its threads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from nanochart.errors import NanochartError


def find_device(name: str = "auto", *, local_rank: int | None = None) -> torch.device:
    """Return the device that a name stands for.

    Parameters
    ----------
    name
        "auto" (a GPU if there is one), "cpu", "cuda", or a GPU by number, "cuda:1".
    local_rank
        Of several processes on this machine, which one this is: each takes a GPU of its own.

    Raises
    ------
    NanochartError
        The name is unknown, or there is no such GPU.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise NanochartError(f"device {name!r}: is unknown; give auto, cpu, cuda or cuda:1")
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and n_gpus == 0):
        return torch.device("cpu")
    if n_gpus == 0:
        raise NanochartError(
            f"device {name}: torch {torch.__version__} finds no GPU here; install a CUDA build of "
            "torch and a driver it can use, or give cpu"
        )
    _, _, number = name.partition(":")
    if local_rank is not None and number:
        raise NanochartError(
            f"device {name}: several processes take a GPU each; give cuda, and choose GPUs with "
            "CUDA_VISIBLE_DEVICES"
        )
    index = int(number) if number else local_rank or 0
    if index >= n_gpus:
        remedy = f"--nproc-per-node {n_gpus}" if local_rank is not None else f"cuda:{n_gpus - 1}"
        raise NanochartError(
            f"device cuda:{index}: there are {n_gpus} GPUs here, counted from 0; {remedy} at most"
        )
    return torch.device("cuda", index)


@contextmanager
def using(device: torch.device, threads: int | None) -> Iterator[None]:
    """Let torch use a device's streams, TF32 products, and a number of threads, for a while.

    Raises
    ------
    NanochartError
        The device's memory is full.
    """
    before, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32: a third of the time, the same losses
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
            yield
    except torch.cuda.OutOfMemoryError:
        raise NanochartError(
            f"device {device}: its memory is full; take a smaller batch_size, another GPU or cpu"
        ) from None
    finally:
        torch.set_num_threads(before)
        torch.set_float32_matmul_precision(precision)


@contextmanager
def in_full_precision() -> Iterator[None]:
    """Let torch multiply float32 as float32 for a while, whatever `using` set."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
