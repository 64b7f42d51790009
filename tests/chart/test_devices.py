"""Devices by name, on machines with and without GPUs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nanochart.chart.devices import find_device, using
from nanochart.chart.training import train_autoencoder
from nanochart.errors import NanochartError


@pytest.fixture
def gpus(monkeypatch):
    """Pretend a number of GPUs."""

    def pretend(number):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: number > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: number)

    return pretend


def test_devices_by_name(gpus):
    gpus(0)
    assert find_device() == find_device("cpu") == torch.device("cpu")
    gpus(2)
    assert find_device() == find_device("cuda") == torch.device("cuda", 0)
    assert find_device("cuda:1") == torch.device("cuda", 1)
    assert find_device("cpu") == torch.device("cpu")
    assert [find_device("auto", local_rank=rank).index for rank in (0, 1)] == [0, 1]


def test_devices_that_are_not_there(gpus):
    gpus(0)
    for name in ("cuda", "cuda:1"):
        with pytest.raises(NanochartError, match="finds no GPU here; install"):
            find_device(name)
    with pytest.raises(NanochartError, match="finds no GPU here"):
        train_autoencoder(np.eye(90, dtype=np.float32), device="cuda")
    gpus(2)
    with pytest.raises(NanochartError, match=r"there are 2 GPUs.*cuda:1 at most"):
        find_device("cuda:2")
    with pytest.raises(NanochartError, match="--nproc-per-node 2 at most"):
        find_device("cuda", local_rank=2)
    with pytest.raises(NanochartError, match="a GPU each"):
        find_device("cuda:1", local_rank=1)
    for name in ("gpu", "cuda:x", "cuda:", ""):
        with pytest.raises(NanochartError, match="is unknown; give auto"):
            find_device(name)


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with using(torch.device("cpu"), before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_a_full_memory_is_told_in_a_line():
    refused = pytest.raises(NanochartError, match="device cpu: its memory is full; take a smaller")
    with refused, using(torch.device("cpu"), None):
        raise torch.cuda.OutOfMemoryError("tried to allocate 2 GiB")
