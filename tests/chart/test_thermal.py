"""Thermal charts: blocks of time, the decoder that stays, hot structures put where minima are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nanochart.chart.autoencoder import Autoencoder
from nanochart.chart.chart import THERMAL, load_chart
from nanochart.chart.families import find_families
from nanochart.chart.making import train
from nanochart.chart.networks import ThermalNetwork
from nanochart.chart.protocol import TrainingSettings
from nanochart.chart.thermal import agreement_by, split_by_time, train_thermal
from nanochart.descriptor.rdf import RdfGrid, rdf_of_positions
from nanochart.errors import NanochartError

GRID, WINDOW = RdfGrid(0.0, 15.0, 151), (15, 140)


#: Epochs of the chart of minima, and of the thermal one. The paper's network is slow to train.
EPOCHS = {"paper": (12, 15), "compact": (30, 60)}


@pytest.fixture(scope="module", params=EPOCHS)
def cold(request, make_structures):
    """A chart of minima, with families, and the structures it is of."""
    structures = make_structures(150)
    made = train(
        structures,
        species="Au",
        grid=GRID,
        window=WINDOW,
        settings=TrainingSettings.of(request.param, epochs=EPOCHS[request.param][0], batch_size=16),
        families=False,
    )
    return made.with_families(find_families(made.transform(structures))[0]), structures


@pytest.fixture(scope="module")
def pairs(cold):
    """Hot and quenched RDFs: each structure shaken by 0.35 Å, three times."""
    chart, structures = cold
    rng = np.random.default_rng(5)
    quenched = np.concatenate([structures] * 3)
    hot = quenched + rng.normal(0, 0.35, quenched.shape)
    return rdf_of_positions(hot, chart.basis), rdf_of_positions(quenched, chart.basis)


@pytest.fixture(scope="module")
def thermal(cold, pairs):
    chart, _ = cold
    parts = split_by_time(np.arange(450))
    epochs = EPOCHS["paper" if isinstance(chart.model, Autoencoder) else "compact"][1]
    settings = TrainingSettings.of("compact", epochs=epochs, batch_size=32)
    return train_thermal(chart, *pairs, parts, settings=settings, device="cpu"), parts


def test_time_is_cut_into_blocks():
    time = np.repeat(np.arange(100), 3)
    train_rows, held_out = split_by_time(time, n_blocks=10, every=5)
    # blocks of 10 moments; the third of each five is held out: moments 20-29 and 70-79
    assert set(time[held_out]) == {*range(20, 30), *range(70, 80)}
    assert sorted([*train_rows, *held_out]) == list(range(300))
    with pytest.raises(NanochartError, match="1 moments make no 25 blocks"):
        split_by_time(np.zeros(50))


def test_hot_structures_give_the_rdfs_of_their_minima(cold, pairs, thermal):
    chart, _ = cold
    found, (_, held_out) = thermal

    def error(one):
        """Return the mean squared error of the minima's RDFs, in the scaled units of the chart."""
        cvs = torch.from_numpy(one.encode_rdf(pairs[0][held_out]))
        with torch.no_grad():
            given = one.model.decode(cvs).numpy()
        return np.square(given - chart.scaling.transform(pairs[1][held_out])).mean()

    assert error(found.chart) < 0.5 * error(chart)
    # what the training says it reached
    assert error(found.chart) == pytest.approx(found.training.best_loss, rel=1e-3)


def test_the_decoder_is_the_chart_s_and_stays(cold, thermal):
    chart, _ = cold
    found, _ = thermal
    model = found.chart.model
    assert isinstance(model, ThermalNetwork)
    for name, value in chart.model.state_dict().items():
        assert torch.equal(model.quenched.state_dict()[name], value), name
    assert all(one.requires_grad for one in chart.model.parameters())  # the chart itself as it was
    cvs = torch.randn(4, 3)
    assert torch.equal(model.decode(cvs), chart.model.eval().decode(cvs))


def test_agreement_is_told_by_group():
    cvs, minima = np.array([[0.0], [1.0], [5.0]]), np.array([[0.0], [3.0], [5.0]])
    found = agreement_by(np.array([300, 300, 400]), cvs, minima, lambda x: np.rint(x[:, 0]))
    np.testing.assert_array_equal(found.group, [300, 400])
    np.testing.assert_array_equal(found.n, [2, 1])
    np.testing.assert_array_equal(found.same_family, [0.5, 1.0])
    np.testing.assert_array_equal(found.distance, [1.0, 0.0])  # median of 0 and 2; 0


def test_a_thermal_chart_is_kept_and_knows_its_domain(cold, thermal, tmp_path):
    _, structures = cold
    found, _ = thermal
    found.chart.save(tmp_path / "t.safetensors")
    loaded = load_chart(tmp_path / "t.safetensors")
    assert loaded.mode == THERMAL
    rng = np.random.default_rng(8)
    hot = structures[:20] + rng.normal(0, 0.35, structures[:20].shape)
    points = loaded.evaluate(hot)
    np.testing.assert_array_equal(points.cvs, found.chart.transform(hot))
    assert np.isnan(points.errors).all()
    assert points.inside.mean() > 0.8
    assert not loaded.is_inside(structures[:5] * 1.6).any()
    assert (loaded.predict(hot)[points.inside] >= 0).all()


def test_what_makes_no_thermal_chart(cold, pairs, thermal):
    chart, _ = cold
    found, parts = thermal
    with pytest.raises(NanochartError, match="not from a thermal one"):
        train_thermal(found.chart, *pairs, parts)
    with pytest.raises(NanochartError, match="do not fit"):
        train_thermal(chart, pairs[0][:, :-1], pairs[1], parts)
