"""Several processes for one training, started by torchrun.

The first process leads: it reads, checks, writes and prints, and tells the others what to train
on. From then on all do the same steps, each on its share of every batch, with gradients averaged
by DistributedDataParallel. Between processes on CPUs this goes by gloo, between GPUs by NCCL.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed

from nanochart.errors import NanochartError

#: How long a process waits for another: the first may do other stages before. Whether one has
#: died is not found out by waiting: torchrun watches them.
PATIENCE = timedelta(days=7)

#: What torchrun tells each of its processes.
_VARIABLES = ("RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def n_processes() -> int:
    """Return the number of processes that torchrun started, or 1."""
    return int(os.environ.get("WORLD_SIZE") or "1")


@dataclass(frozen=True)
class Team:
    """The processes that train together, seen from one of them; by default it is alone.

    Parameters
    ----------
    rank
        Which one this is, from 0.
    size
        How many there are.
    local_rank, local_size
        The same among those on this machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that reads, writes and prints."""
        return self.rank == 0

    def told_by_first(self, what: Any = None) -> Any:
        """Return what the first process gave; what others gave is ignored."""
        if self.size == 1:
            return what
        told = [what]
        distributed.broadcast_object_list(told, src=0, device=torch.device("cpu"))
        return told[0]

    def share(self, rows: Tensor) -> Tensor:
        """Return this process's part of ``rows``; no two parts differ by more than one row."""
        return rows[self.rank :: self.size]

    def total(self, value: float) -> float:
        """Return the sum of the values that the processes give: the same to all of them."""
        if self.size == 1:
            return value
        tensor = torch.tensor(value, dtype=torch.float64)
        distributed.all_reduce(tensor)
        return float(tensor)

    def copy_first(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by what the first process has."""
        for tensor in tensors if self.size > 1 else ():
            distributed.broadcast(tensor, src=0)

    def part(self) -> None:
        """End the connections."""
        if distributed.is_initialized():
            distributed.destroy_process_group()


def join_team() -> Team:
    """Return the team that torchrun made this process part of, or a team of one.

    Raises
    ------
    NanochartError
        The environment speaks of several processes, but not as torchrun does.
    """
    size = n_processes()
    if size == 1:
        return Team()
    missing = [name for name in _VARIABLES if name not in os.environ]
    if missing:
        raise NanochartError(
            f"training: WORLD_SIZE is {size}, but {missing[0]} is not set; start with torchrun, or "
            "unset WORLD_SIZE to train in one process"
        )
    if not distributed.is_initialized():
        with_nccl = torch.cuda.is_available() and distributed.is_nccl_available()
        backend = "cpu:gloo,cuda:nccl" if with_nccl else "gloo"
        distributed.init_process_group(backend, timeout=PATIENCE)
    rank, local_rank, local_size = (int(os.environ[name]) for name in _VARIABLES[:3])
    return Team(rank, size, local_rank, local_size)
