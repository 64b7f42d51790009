"""Two processes under torchrun, with gloo: their gradients, their losses, resume, and the verb."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.io import write
from torch.nn import functional

from nanochart.chart.chart import load_chart
from nanochart.chart.checkpoint import State
from nanochart.chart.protocol import TrainingSettings
from nanochart.chart.team import Team, join_team
from nanochart.chart.training import train_autoencoder
from nanochart.errors import NanochartError

SETTINGS = TrainingSettings(epochs=3, batch_size=16, seed=7)
#: Of a batch shared by two: one takes 17, the other 16.
ODD = 33

TOGETHER = """
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from nanochart.chart.checkpoint import State
from nanochart.chart.protocol import TrainingSettings
from nanochart.chart.steps import make_step
from nanochart.chart.team import join_team
from nanochart.chart.training import assist_training, dismiss_assistants, train_autoencoder

folder, odd = Path(sys.argv[1]), int(sys.argv[2])
settings = TrainingSettings(epochs=3, batch_size=16, seed=7)
team = join_team()
torch.set_num_threads(1)
data = np.load(folder / "inputs.npy")

# one step, which moves nothing
state = State.initial(data, settings)
still = torch.optim.SGD(state.model.parameters(), lr=0.0)
rows = torch.from_numpy(data)
step = make_step(state.model.train(), still, rows, rows, batch_size=odd, team=team)
loss = team.total(float(step(torch.arange(odd)))) / team.size
gradients = {name: parameter.grad for name, parameter in state.model.named_parameters()}
np.savez(folder / f"gradients-{team.rank}.npz", loss=loss, **gradients)

# every process calls the same; only the first one's data count
def train(name, epochs):
    inputs = data if team.leads else None
    return train_autoencoder(
        inputs, replace(settings, epochs=epochs), checkpoint=folder / name, device="cpu"
    )

whole = train("whole", 3)
train("parts", 2)
for name, training in (("whole", whole), ("parts", train("parts", 3))):
    weights = {name: tensor.numpy() for name, tensor in training.model.state_dict().items()}
    losses = {"loss": training.best_loss, "train_loss": training.history.train_loss}
    np.savez(folder / f"{name}-{team.rank}.npz", **losses, **weights)

# the first trains, twice, and the other assists
if team.leads:
    for _ in range(2):
        again = train_autoencoder(data, settings, device="cpu")
        assert again.best_loss == whole.best_loss
    dismiss_assistants()
else:
    assist_training()
"""


def torchrun(*command, folder):
    """Run two processes; return what the first of them printed, and the errors of both."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OMP_")}
    environment["OMP_NUM_THREADS"] = "1"
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        + [str(part) for part in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(0)
    x, phase = np.linspace(0, 12, 90), rng.uniform(0, 3, (81, 1))
    return (0.5 + 0.5 * np.sin(x + phase) * np.cos(phase)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(inputs, tmp_path_factory):
    """What two processes left behind that ran `TOGETHER`."""
    folder = tmp_path_factory.mktemp("team")
    (folder / "together.py").write_text(TOGETHER)
    np.save(folder / "inputs.npy", inputs)
    status, _, errors = torchrun("together.py", folder, ODD, folder=folder)
    assert status == 0, errors
    return folder


def test_the_gradient_is_that_of_the_halves_averaged(inputs, folder):
    model = State.initial(inputs, SETTINGS).model.train()
    batch = torch.from_numpy(inputs[:ODD])
    expected, loss = {}, 0.0
    for half in (batch[0::2], batch[1::2]):
        share = len(half) / ODD
        model.zero_grad()
        value = functional.mse_loss(model(half), half)
        value.backward()
        loss += share * value.item()
        for name, parameter in model.named_parameters():
            expected[name] = expected.get(name, 0) + share * parameter.grad
    both = [np.load(folder / f"gradients-{rank}.npz") for rank in (0, 1)]
    assert both[0]["loss"] == both[1]["loss"] == pytest.approx(loss, rel=1e-6)
    for name, gradient in expected.items():
        np.testing.assert_array_equal(both[0][name], both[1][name])
        # float32; the biases before a normalisation have no gradient but rounding
        tolerance = 1e-5 * max(float(gradient.abs().max()), 1e-2)
        np.testing.assert_allclose(both[0][name], gradient, rtol=1e-4, atol=tolerance)


def test_both_end_with_the_same_and_resume_to_the_same(inputs, folder):
    first = np.load(folder / "whole-0.npz")
    assert np.isfinite(first["loss"])
    for other in ("whole-1", "parts-0", "parts-1"):
        found = np.load(folder / f"{other}.npz")
        for name in first.files:
            np.testing.assert_array_equal(found[name], first[name], err_msg=f"{other} {name}")
    # Another normalisation, but the same weights, data and batches to begin with.
    alone = train_autoencoder(inputs, SETTINGS, device="cpu")
    assert first["train_loss"][0] == pytest.approx(alone.history.train_loss[0], rel=0.3)


def test_the_verb_under_torchrun(make_structures, tmp_path):
    frames = [Atoms("Au12", positions=positions) for positions in make_structures(40)]
    write(tmp_path / "minima.extxyz", frames)
    status, output, errors = torchrun(
        *("-m", "nanochart", "train", "minima.extxyz", "-o", "chart.safetensors", "--json"),
        *("--epochs", "2", "--batch-size", "16", "--csv", "losses.csv"),
        folder=tmp_path,
    )
    assert status == 0, errors
    # read once, told once, written once
    assert json.loads(output)["structures"] == 40
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("chart.safetensors", "losses.csv", "minima.extxyz")
    ]
    losses = np.genfromtxt(tmp_path / "losses.csv", delimiter=",", names=True)
    assert np.isfinite(losses["validation_loss"]).all()
    assert load_chart(tmp_path / "chart.safetensors").transform(frames).shape == (40, 3)


def test_shares_are_a_partition():
    rows = torch.arange(11)
    shares = [Team(rank=rank, size=3).share(rows) for rank in range(3)]
    assert sorted(torch.cat(shares).tolist()) == list(range(11))
    assert {len(share) for share in shares} == {3, 4}
    assert torch.equal(Team().share(rows), rows)


def test_an_environment_that_torchrun_did_not_make(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(NanochartError, match="RANK is not set; start with torchrun"):
        join_team()
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert join_team() == Team()
