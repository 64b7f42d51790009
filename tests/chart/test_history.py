"""TensorBoard's event files: what is written, and what is said where it is not installed."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from nanochart.chart.protocol import TrainingSettings
from nanochart.chart.training import train_autoencoder
from nanochart.errors import NanochartError

INPUTS = np.random.default_rng(0).random((20, 90), dtype=np.float32)


def settings(epochs):
    return TrainingSettings(epochs=epochs, batch_size=8)


def test_event_files_hold_the_history(tmp_path, monkeypatch):
    told = []

    class Writer:
        def __init__(self, folder, purge_step):
            told.append((folder, purge_step))

        def add_scalar(self, *scalar):
            told.append(scalar)

        def flush(self): ...

        def close(self):
            told.append("closed")

    monkeypatch.setitem(
        sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer)
    )
    where = {"tensorboard": tmp_path / "events", "checkpoint": tmp_path / "checkpoint"}
    train_autoencoder(INPUTS, settings(1), **where)
    history = train_autoencoder(INPUTS, settings(2), **where).history
    names = ("train_loss", "validation_loss", "learning_rate", "seconds")
    expected = []
    for epoch in (1, 2):
        expected.append((str(tmp_path / "events"), epoch))
        expected += [(name, float(getattr(history, name)[epoch - 1]), epoch) for name in names]
        expected.append("closed")
    assert told == expected


def test_event_files_that_tensorboard_reads(tmp_path):
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    history = train_autoencoder(INPUTS, settings(2), tensorboard=tmp_path).history
    events = reading.EventAccumulator(str(tmp_path)).Reload()
    losses = [scalar.value for scalar in events.Scalars("validation_loss")]
    np.testing.assert_allclose(losses, history.validation_loss, rtol=1e-6)  # float32


def test_without_tensorboard(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    path = tmp_path / "checkpoint"
    with pytest.raises(NanochartError, match="pip install tensorboard"):
        train_autoencoder(INPUTS, settings(1), tensorboard=tmp_path / "events", checkpoint=path)
    assert not path.exists()
