"""The charts that ship: what they know of a landscape that another sampling made."""

from __future__ import annotations

import numpy as np
import pytest

import nanochart as nc
from nanochart.chart.chart import shipped_charts
from nanochart.errors import NanochartError

SYSTEMS = {"au90": ("Au", 90), "au147": ("Au", 147), "ag147": ("Ag", 147), "cu147": ("Cu", 147)}


def test_there_are_eight_small_ones():
    assert set(shipped_charts()) == {*SYSTEMS, *(f"{name}-thermal" for name in SYSTEMS)}
    for path in shipped_charts().values():
        assert path.stat().st_size < 3e6


@pytest.mark.parametrize("name", SYSTEMS)
def test_each_has_families_and_a_record(name):
    cold, hot = nc.load_chart(name), nc.load_chart(f"{name}-thermal")
    for chart, mode in ((cold, "quenched"), (hot, "thermal")):
        assert (chart.species, chart.n_atoms, chart.mode) == (*SYSTEMS[name], mode)
        assert chart.provenance["training"]["validation_r2"] > 0.7
        assert all(family.name for family in chart.families.major)
    assert hot.families.as_json() == cold.families.as_json()
    training = cold.provenance["training"]
    assert training["settings"]["epochs"] == 100
    assert training["best_loss"] < 0.7 * training["pca_loss"]  # 30 % better than linear


def test_they_know_a_landscape_of_another_sampling():
    landscape = nc.open_landscape("au90-small")
    minima = landscape["quenched"].read("positions").astype(float)
    hot = landscape["snapshots"].read("positions").astype(float)
    cold_chart, hot_chart = nc.load_chart("au90"), nc.load_chart("au90-thermal")
    points = cold_chart.evaluate(minima)
    assert points.inside.mean() > 0.95
    assert np.median(points.errors) < 2 * cold_chart.provenance["training"]["best_loss"]
    # hot structures: where their minima are, as far as that can be known
    nearest = cold_chart.families.nearest
    same = nearest(hot_chart.transform(hot)) == nearest(points.cvs)
    by_cold = nearest(cold_chart.transform(hot)) == nearest(points.cvs)
    assert same.mean() > by_cold.mean() + 0.2


def test_a_name_that_no_chart_has():
    with pytest.raises(NanochartError, match=r"pt55"):
        nc.load_chart("pt55")
