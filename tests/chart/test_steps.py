"""The captured step against the eager one: with a pretended capture anywhere, for real on a GPU."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from nanochart.chart import course
from nanochart.chart.checkpoint import State
from nanochart.chart.devices import using
from nanochart.chart.judgement import reconstruct
from nanochart.chart.protocol import TrainingSettings
from nanochart.chart.steps import EagerStep, GraphedStep, make_step, unchanged
from nanochart.chart.team import Team
from nanochart.chart.training import train_autoencoder

SETTINGS = TrainingSettings(epochs=3, batch_size=16, halve_at=(1,), seed=7)


@pytest.fixture(scope="module")
def inputs():
    """75 curves of 90 bins: 60 train, in three batches of 16 and one of 12."""
    rng = np.random.default_rng(0)
    x, phase = np.linspace(0, 12, 90), rng.uniform(0, 3, (75, 1))
    return (0.5 + 0.5 * np.sin(x + phase) * np.cos(phase)).astype(np.float32)


def pretended_capture(step):
    """Capture as a GPU does, seen from outside: steps beforehand, one place for the loss."""
    for _ in range(3):
        step()
    loss = step()
    return lambda: loss.copy_(step()), loss


def everything(model, optimizer):
    """Return all tensors that a step changes, by name."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        for key, tensor in optimizer.state.get(parameter, {}).items():
            tensors[f"adam.{key}.{name}"] = tensor
    return tensors


def test_a_replayed_training_has_the_bits_of_an_eager_one(inputs, monkeypatch):
    sizes = []

    def graphed(model, optimizer, data, targets, *, batch_size, team):
        eager = EagerStep(model, optimizer, data, targets, team)
        step = GraphedStep(eager, batch_size, pretended_capture)
        replay = step.replay
        step.replay = lambda: (sizes.append(len(step.rows)), replay())
        return step

    eager = train_autoencoder(inputs, SETTINGS, device="cpu")
    monkeypatch.setattr(course, "make_step", graphed)
    replayed = train_autoencoder(inputs, SETTINGS, device="cpu")
    assert sizes == [16] * 9  # the batch of 12 at the end of an epoch is not replayed
    np.testing.assert_array_equal(replayed.history.train_loss, eager.history.train_loss)
    for name, tensor in eager.model.state_dict().items():
        assert torch.equal(replayed.model.state_dict()[name], tensor), name


@pytest.mark.parametrize("begun", [False, True])
def test_steps_that_are_taken_back(inputs, begun):
    state = State.initial(inputs, SETTINGS)
    state.model.train()
    data = torch.from_numpy(inputs)
    step = make_step(state.model, state.optimizer, data, data, batch_size=16, team=Team())
    if begun:
        step(torch.arange(16))
    before = copy.deepcopy(everything(state.model, state.optimizer))
    places = {name: p.data_ptr() for name, p in everything(state.model, state.optimizer).items()}
    with unchanged(state.model, state.optimizer):
        step(torch.arange(16, 32))
        moved = everything(state.model, state.optimizer)
        assert not torch.equal(moved["model.embed_linear.bias"], before["model.embed_linear.bias"])
    after = everything(state.model, state.optimizer)
    for name, tensor in after.items():
        assert torch.equal(tensor, before.get(name, torch.zeros_like(tensor))), name
    assert all(after[name].data_ptr() == place for name, place in places.items())


def test_the_learning_rate_is_set_in_its_place(inputs):
    state = State.initial(inputs, SETTINGS)
    state.set_learning_rate(0.25)
    assert state.optimizer.param_groups[0]["lr"] == 0.25
    tensor = torch.tensor(1.0)
    state.optimizer.param_groups[0]["lr"] = tensor
    state.set_learning_rate(0.25)
    assert state.optimizer.param_groups[0]["lr"] is tensor
    assert tensor == 0.25


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


@needs_gpu
def test_products_in_tf32_give_the_gradient(inputs):
    """Of the first step: after some, any rounding has grown on so few and so long steps."""

    def gradient(device):
        state = State.initial(inputs, SETTINGS)
        state.to(torch.device(device))
        data = torch.from_numpy(inputs).to(device)
        with using(torch.device(device), None):
            loss = torch.nn.functional.mse_loss(state.model.train()(data), data)
            loss.backward()
        parts = {name: p.grad.cpu().double() for name, p in state.model.named_parameters()}
        return loss.item(), parts

    (on_gpu, ours), (on_cpu, theirs) = gradient("cuda"), gradient("cpu")
    assert on_gpu == pytest.approx(on_cpu, rel=1e-2)
    whole = sum(their.square().sum() for their in theirs.values())
    apart = sum(
        (our - their).square().sum()
        for our, their in zip(ours.values(), theirs.values(), strict=True)
    )
    assert apart < 0.1**2 * whole


@needs_gpu
def test_on_a_gpu(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda _: None)  # float32
    on_gpu = train_autoencoder(inputs, SETTINGS, device="cuda", checkpoint=tmp_path / "checkpoint")
    on_cpu = train_autoencoder(inputs, SETTINGS, device="cpu")
    assert next(on_gpu.model.parameters()).device.type == "cpu"
    # the same batches from the same weights; sums in another order
    np.testing.assert_allclose(on_gpu.history.train_loss, on_cpu.history.train_loss, rtol=0.05)
    _, errors = reconstruct(on_gpu.model, inputs)
    judged = errors[on_gpu.validation_indices].mean()
    assert judged == pytest.approx(on_gpu.best_loss, rel=0.02)
    # what a GPU has begun goes on anywhere
    longer = TrainingSettings(epochs=4, batch_size=16, halve_at=(1,), seed=7)
    for device in ("cpu", "cuda"):
        path = tmp_path / device
        path.write_bytes((tmp_path / "checkpoint").read_bytes())
        further = train_autoencoder(inputs, longer, device=device, checkpoint=path)
        np.testing.assert_array_equal(further.history.train_loss[:3], on_gpu.history.train_loss)
        assert np.isfinite(further.best_loss)
