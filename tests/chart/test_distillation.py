"""The distilled encoder: it says what its teacher says, it is kept in the chart, it is smooth."""

from __future__ import annotations

import copy
import lzma
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from nanochart.chart.chart import load_chart
from nanochart.chart.dense import DenseEncoder
from nanochart.chart.distillation import DistillationSettings, distill
from nanochart.descriptor.rdf import rdf_of_positions
from nanochart.errors import NanochartError
from nanochart.sampling.lammps import Engine
from nanochart.sampling.rgl import rgl
from nanochart.units import BOLTZMANN
from nanochart.workflow.distill import distill_files

QUICK = DistillationSettings(
    hidden=(24,), lessons=640, epochs=60, batch_size=32, learning_rate=1e-2
)
#: A chart of 12 atoms, saved when charts had no distilled encoder: format version 1.
#: Few weights are not zero, so that it is small when compressed.
OLD_CHART = Path(__file__).parent / "chart-version-1.safetensors.xz"


class Smooth(nn.Module):
    """A teacher without kinks."""

    n_cvs = 3

    def __init__(self, n_bins):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(n_bins, 8), nn.Tanh(), nn.Linear(8, 3))

    def encode(self, x):
        return 10.0 + self.layers(x)


@pytest.fixture(scope="module")
def taught(chart, make_structures):
    """Give a student of a smooth teacher."""
    teacher = Smooth(chart.basis.n_bins)
    losses = []
    encoder = distill(
        teacher,
        make_structures(400, seed=3),
        basis=chart.basis,
        scaling=chart.scaling,
        settings=QUICK,
        progress=lambda done, total, **told: losses.append((done, total, told.get("loss"))),
        threads=1,
    )
    losses = [one for one in losses if one[2] is not None]  # before them, the teacher is asked
    assert [one[0] for one in losses] == list(range(1, 61))
    return teacher, encoder, losses


def test_learns_values_and_slopes(chart, make_structures, taught):
    teacher, encoder, losses = taught
    assert losses[-1][2] < 0.1 * losses[0][2]
    for name in ("minima", "shaken"):
        figures = encoder.figures[name]
        assert min(figures["r2"]) > 0.95
        assert figures["gradient_cosine"][0] > 0.97
        assert 0.9 < figures["gradient_norm"] < 1.1
    # The figures are true of other structures, told by other means.
    inputs = chart.scaling.transform(rdf_of_positions(make_structures(50, seed=9), chart.basis))
    dense = DenseEncoder(encoder.weights, encoder.biases, "float64")
    found = np.stack([dense.pull_back(one, None)[0] for one in inputs])
    with torch.no_grad():
        expected = teacher.encode(torch.tensor(inputs, dtype=torch.float32)).numpy()
    assert ((found - expected) ** 2).mean() < 0.05 * expected.var()


def test_same_seed_same_student(chart, structures):
    one, two, other = (
        distill(
            chart.model,
            structures,
            basis=chart.basis,
            scaling=chart.scaling,
            settings=replace(QUICK, epochs=2, seed=seed),
            threads=1,
        )
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.weights[0], two.weights[0])
    assert np.abs(one.weights[0] - other.weights[0]).max() > 0


def test_is_kept_in_the_chart_s_one_file(chart, structures, tmp_path):
    with_both = replace(
        chart,
        distilled=distill(
            chart.model,
            structures,
            basis=chart.basis,
            scaling=chart.scaling,
            settings=replace(QUICK, epochs=20),
            threads=1,
        ),
    )
    with_both.save(tmp_path / "both")
    back = load_chart(tmp_path / "both")
    assert back.distilled.figures == with_both.distilled.figures
    assert back.distilled.settings == with_both.distilled.settings
    weights = [0.5, -1.0, 2.0]
    for encoder in ("trained", "distilled"):
        for found, expected in zip(
            back.vjp(structures[:3], weights, encoder=encoder),
            with_both.vjp(structures[:3], weights, encoder=encoder),
            strict=True,
        ):
            np.testing.assert_array_equal(found, expected)
    # Its gradient is that of its CVs.
    at, step = structures[0], 1e-5
    _, jacobian = back.jacobian(at, encoder="distilled", precision="float64")
    ahead, behind = at.copy(), at.copy()
    ahead[4, 1] += step
    behind[4, 1] -= step
    cvs = back.jacobian([ahead, behind], encoder="distilled", precision="float64")[0]
    np.testing.assert_allclose(jacobian[0, :, 4, 1], (cvs[0] - cvs[1]) / (2 * step), atol=1e-6)
    # And a chart without one is the file it always was.
    back.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "both").read_bytes()
    replace(back, distilled=None).save(tmp_path / "without")
    chart.save(tmp_path / "never")
    assert (tmp_path / "without").read_bytes() == (tmp_path / "never").read_bytes()


def test_an_old_chart_loads_and_has_a_gradient(structures, tmp_path):
    (tmp_path / "old").write_bytes(lzma.decompress(OLD_CHART.read_bytes()))
    old = load_chart(tmp_path / "old")
    assert old.distilled is None
    assert (old.species, old.n_atoms, old.mode) == ("Au", 12, "quenched")
    # What it said when it was saved.
    np.testing.assert_allclose(
        old.transform(structures[:2]),
        np.array(old.provenance["cvs of the first two"]),
        rtol=2e-3,  # the splines of the RDF have changed since, within 1e-3 of a bin's range
        atol=0.5,  # of CVs that spread over hundreds
    )
    cvs, gradient = old.vjp(structures[:2], [1.0, 0.0, 0.0])
    np.testing.assert_allclose(cvs, old.transform(structures[:2]), rtol=1e-4, atol=1e-2)
    assert np.abs(gradient).max() > 0


def test_what_cannot_be_taught_is_told(chart, structures):
    given = {"basis": chart.basis, "scaling": chart.scaling}
    with pytest.raises(NanochartError, match="too few"):
        distill(chart.model, structures[:10], **given)
    constant = copy.deepcopy(chart.model)
    with torch.no_grad():
        constant.embed_linear.weight.zero_()
    with pytest.raises(NanochartError, match="nothing to teach"):
        distill(constant, structures, **given, settings=QUICK, threads=1)
    for wrong in ({"hidden": ()}, {"epochs": 0}, {"shaken": -1.0}, {"held_out": 1.0}):
        with pytest.raises(NanochartError, match="distillation settings"):
            DistillationSettings(**wrong)


def test_the_verb_s_work_on_files(chart, structures, tmp_path):
    from ase import Atoms
    from ase.io import write

    chart.save(tmp_path / "chart")
    write(tmp_path / "minima.xyz", [Atoms("Au12", one) for one in structures], format="extxyz")
    result = distill_files(
        tmp_path / "chart",
        [tmp_path / "minima.xyz"],
        tmp_path / "out",
        settings=replace(QUICK, epochs=2),
        species=None,
        skip_bad=False,
        progress=lambda *_, **__: None,
    )
    assert result["structures"] == 120
    assert len(result["r2_minima"]) == 3
    assert load_chart(tmp_path / "out").distilled.settings["hidden"] == [24]


def test_energy_is_conserved_under_a_bias(chart, structures, taught):
    _, encoder, _ = taught
    gradient = replace(chart, distilled=encoder).gradient(encoder="distilled")
    engine = Engine(rgl("Au"), 12, timestep=2.0)
    start = engine.quench(structures[0]).positions
    aim = gradient.vjp(start, [1.0, 0.0, 0.0])[0][0] + 0.3

    def bias(positions):
        cvs, slope = gradient.vjp(positions, [1.0, 0.0, 0.0])
        return 5.0 * (cvs[0] - aim) ** 2, -10.0 * (cvs[0] - aim) * slope

    velocities = engine.thermal_velocities(200.0, np.random.default_rng(0))
    spreads = []
    for external in (None, bias):
        run = engine.trajectory(
            start,
            velocities,
            temperature=200.0,
            n_frames=100,
            steps_per_frame=5,
            damping=None,
            seed=1,
            external=external,
        )
        total = run.energies + run.external + 1.5 * 12 * BOLTZMANN * run.temperatures
        spreads.append(total[20:].std())
        moved = run.energies.std()
    assert spreads[1] < 0.05 * moved
    assert spreads[1] < 5.0 * spreads[0]
