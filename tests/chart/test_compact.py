"""The compact network: centred inputs, smooth CVs, a protocol of its own, its chart file."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from nanochart.chart.autoencoder import Autoencoder
from nanochart.chart.chart import load_chart
from nanochart.chart.compact import WIDTHS, CompactAutoencoder
from nanochart.chart.judgement import linear_baseline
from nanochart.chart.making import train
from nanochart.chart.networks import NETWORKS, build_network
from nanochart.chart.protocol import TrainingSettings
from nanochart.chart.sealed import read_sealed, write_sealed
from nanochart.chart.training import train_autoencoder
from nanochart.errors import NanochartError


@pytest.fixture(scope="module")
def curves():
    """400 curves on a bent line: one number each, so that one CV should do."""
    rng = np.random.default_rng(0)
    x, phase = np.linspace(0, 3, 40), rng.uniform(0, 2, (400, 1))
    return (0.5 + 0.5 * np.sin(x + phase)).astype(np.float32)


def test_it_has_a_fraction_of_the_multiplications():
    def products(model):
        """Weights times the places each is used at, of a forward pass of one structure."""
        total = 0

        def count(layer, _, output):
            nonlocal total
            places = output.shape[-1] if isinstance(layer, torch.nn.Conv1d) else 1
            if isinstance(layer, torch.nn.ConvTranspose1d):
                places = output.shape[-1] - layer.kernel_size[0] + 1
            total += layer.weight.numel() * places

        hooks = [
            layer.register_forward_hook(count)
            for layer in model.modules()
            if isinstance(layer, torch.nn.Linear | torch.nn.Conv1d | torch.nn.ConvTranspose1d)
        ]
        model.eval()(torch.zeros(1, 280))
        for hook in hooks:
            hook.remove()
        return total

    # 280·256 + 256·128 + 128·64 + 64·3, there and back
    assert products(CompactAutoencoder(280)) == 2 * (280 * 256 + 256 * 128 + 128 * 64 + 64 * 3)
    assert products(CompactAutoencoder(280)) < products(Autoencoder(280)) / 100
    assert WIDTHS == (256, 128, 64)


def test_it_is_centred_on_what_it_is_trained_on(curves):
    model = CompactAutoencoder(40)
    model.fit_to(torch.from_numpy(curves))
    assert_allclose(model.centre, curves.mean(axis=0), rtol=1e-5)
    # the root of the mean variance of the bins
    assert_allclose(model.spread, np.sqrt(curves.astype(float).var(axis=0).mean()), rtol=1e-5)
    constant = CompactAutoencoder(40)
    constant.fit_to(torch.ones(20, 40))
    assert torch.isfinite(constant(torch.rand(3, 40))).all()


def test_it_learns_a_bent_line_that_one_component_cannot(curves):
    settings = TrainingSettings.of("compact", epochs=60, batch_size=32, n_cvs=1)
    training = train_autoencoder(curves, settings, threads=1, device="cpu")
    pca = linear_baseline(curves, training.train_indices, training.validation_indices)
    one = linear_baseline(
        curves, training.train_indices, training.validation_indices, n_components=1
    )
    assert training.best_loss < 0.05 * one
    assert training.model.kind == "compact"
    assert pca < one


def test_its_cvs_are_smooth(curves):
    """Third differences of a step h fall as h³: no kink, as a ReLU has."""
    torch.manual_seed(0)
    model = CompactAutoencoder(40).double()
    x, direction = torch.from_numpy(curves[:1]).double(), torch.randn(1, 40).double()

    def third(h):
        steps = torch.arange(-300, 301, dtype=torch.float64)[:, None] * h
        cvs = model.encode(x + steps * direction).detach()
        return float(cvs.diff(n=3, dim=0).abs().max())

    assert third(0.005) < third(0.01) / 6  # 8, had the curve the same third derivative all along


def test_its_protocol_is_a_cosine():
    settings = TrainingSettings.of("compact", epochs=10)
    rates = [settings.learning_rate_at(epoch) for epoch in range(10)]
    # 2e-3 (1 + cos(π (epoch + ½) / 10)) / 2
    assert_allclose(rates, 1e-3 * (1 + np.cos(np.pi * (np.arange(10) + 0.5) / 10)))
    assert TrainingSettings.of("paper") == TrainingSettings()
    with pytest.raises(NanochartError, match="schedule"):
        TrainingSettings(schedule="steps")


def test_a_longer_cosine_is_another_training(curves, tmp_path):
    path = tmp_path / "checkpoint"
    settings = TrainingSettings.of("compact", epochs=2, batch_size=64)
    train_autoencoder(curves, settings, checkpoint=path, device="cpu")
    again = train_autoencoder(curves, settings, checkpoint=path, device="cpu")
    assert len(again.history) == 2
    longer = TrainingSettings.of("compact", epochs=3, batch_size=64)
    with pytest.raises(NanochartError, match="another training"):
        train_autoencoder(curves, longer, checkpoint=path, device="cpu")
    two = TrainingSettings.of("compact", epochs=2, batch_size=64, n_cvs=2)
    with pytest.raises(NanochartError, match="n_cvs"):
        train_autoencoder(curves, two, checkpoint=path, device="cpu")


def test_a_chart_remembers_its_network(make_structures, tmp_path):
    structures = make_structures(60)
    settings = TrainingSettings.of("compact", epochs=3, batch_size=16)
    chart = train(structures, species="Au", window=(40, 320), settings=settings, families=False)
    chart.save(tmp_path / "c.safetensors")
    loaded = load_chart(tmp_path / "c.safetensors")
    assert type(loaded.model) is CompactAutoencoder
    np.testing.assert_array_equal(loaded.transform(structures), chart.transform(structures))


def test_a_chart_from_before_there_were_others_has_the_paper_s(chart, structures, tmp_path):
    path = tmp_path / "c.safetensors"
    chart.save(path)
    tensors, metadata = read_sealed(path, "chart", format_version=1, remedy="")
    del metadata["network"]["kind"]
    write_sealed(path, "chart", tensors, metadata)
    np.testing.assert_array_equal(
        load_chart(path).transform(structures), chart.transform(structures)
    )


def test_networks_by_name():
    assert {name: type(build_network(name, 90, 2)) for name in NETWORKS} == NETWORKS
    with pytest.raises(NanochartError, match="unknown; there are paper, compact"):
        build_network("deep", 90, 2)
    with pytest.raises(NanochartError, match="0 bins"):
        build_network("compact", 0, 3)


@pytest.mark.parametrize("kind", NETWORKS)
def test_targets_other_than_the_inputs(curves, kind):
    """A network that is to give the mirror image learns it; its loss is judged against it."""
    inputs = np.tile(curves[:120], (1, 3))[:, :90]
    targets = inputs[:, ::-1].copy()
    parts = np.arange(100), np.arange(100, 120)
    settings = TrainingSettings.of(kind, epochs=4, batch_size=20)
    found = train_autoencoder(inputs, settings, targets=targets, parts=parts, device="cpu")
    with torch.no_grad():
        given = found.model(torch.from_numpy(inputs[100:])).numpy()
    assert np.square(given - targets[100:]).mean() == pytest.approx(found.best_loss, rel=1e-4)
    np.testing.assert_array_equal(found.validation_indices, parts[1])
    with pytest.raises(NanochartError, match="targets of shape"):
        train_autoencoder(inputs, settings, targets=targets[:-1], device="cpu")


def test_parts_that_do_not_learn_stay(curves, tmp_path):
    model = CompactAutoencoder(40, 2)
    model.fit_to(torch.from_numpy(curves))
    model.decoder.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    settings = TrainingSettings.of("compact", epochs=2, batch_size=64, n_cvs=2)
    path = tmp_path / "checkpoint"
    found = train_autoencoder(curves, settings, model=model, checkpoint=path, device="cpu")
    for name, value in found.model.state_dict().items():
        assert torch.equal(value, before[name]) is not name.startswith("encoder"), name
    again = train_autoencoder(curves, settings, model=model, checkpoint=path, device="cpu")
    assert again.best_loss == found.best_loss
