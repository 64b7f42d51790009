"""The Chart: one file that comes back with the same bits, refusals, domain, and what it tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

import nanochart.chart.chart as chart_module
from nanochart.chart.chart import load_chart
from nanochart.chart.making import train
from nanochart.chart.training import TrainingSettings
from nanochart.errors import NanochartError


@pytest.fixture(scope="module")
def chart_file(chart, tmp_path_factory):
    path = tmp_path_factory.mktemp("chart") / "chart.safetensors"
    chart.save(path)
    return path


def test_a_chart_comes_back_with_the_same_bits(chart, chart_file, structures, tmp_path):
    back = load_chart(chart_file)
    ours, theirs = chart.evaluate(structures), back.evaluate(structures)
    for field in ("cvs", "errors", "inside", "families"):
        np.testing.assert_array_equal(getattr(theirs, field), getattr(ours, field))
    for field in ("grid", "bandwidth", "window", "species", "n_atoms", "mode", "domain"):
        assert getattr(back, field) == getattr(chart, field)
    assert back.error_quantiles == chart.error_quantiles
    assert back.provenance == {"seed": 0, "words": "Å"}
    assert back.families.members == chart.families.members
    assert back.families[0].name == "a rod"
    back.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == chart_file.read_bytes()


@given(place=st.floats(0.0, 1.0, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=40, deadline=None)
def test_a_damaged_byte_is_found(chart_file, tmp_path_factory, place, bit):
    content = bytearray(chart_file.read_bytes())
    offset = int(place * len(content))
    if content[offset : offset + 1].isspace():
        return  # the padding between header and tensors says nothing
    content[offset] ^= 1 << bit
    damaged = tmp_path_factory.mktemp("damaged") / "chart"
    damaged.write_bytes(content)
    with pytest.raises(NanochartError, match="again"):
        load_chart(damaged)


@pytest.mark.parametrize("offset", [0, 3, 9, 40, 300, 3000])
def test_a_damaged_byte_in_the_header_is_found(chart_file, tmp_path, offset):
    content = bytearray(chart_file.read_bytes())
    content[offset] ^= 1
    (tmp_path / "chart").write_bytes(content)
    with pytest.raises(NanochartError):
        load_chart(tmp_path / "chart")


def test_other_files_are_refused(chart_file, tmp_path):
    path = tmp_path / "chart"
    with pytest.raises(NanochartError, match="no such file"):
        load_chart(path)
    whole = chart_file.read_bytes()
    for content in (whole[:-1], whole[: len(whole) // 2], b"", b"PK\x03\x04 a pickle, say"):
        path.write_bytes(content)
        with pytest.raises(NanochartError, match="damaged or cut short"):
            load_chart(path)
    from safetensors.numpy import save_file

    save_file({"x": np.ones(3)}, path)
    with pytest.raises(NanochartError, match="not a nanochart chart"):
        load_chart(path)


def test_an_unknown_version_is_refused(chart, tmp_path, monkeypatch):
    monkeypatch.setattr(chart_module, "FORMAT_VERSION", 99)
    chart.save(tmp_path / "chart")
    monkeypatch.undo()
    with pytest.raises(NanochartError, match=r"version 99 .* update nanochart"):
        load_chart(tmp_path / "chart")


def test_the_cvs_do_not_feel_rotation_or_order(chart, structures):
    turned = structures[:5, ::-1] @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]) + 3.0
    expected = chart.transform(structures[:5])
    assert expected.shape == (5, 3)
    assert expected.dtype == np.float32
    np.testing.assert_allclose(chart.transform(turned), expected, rtol=1e-4, atol=1e-5)


def test_company_matters_no_more_than_rounding(chart, structures):
    many = np.tile(structures, (3, 1, 1))  # 360: more than one batch
    together = chart.evaluate(many)
    for k in (0, 100, 359):
        alone = chart.evaluate(many[k])
        np.testing.assert_allclose(alone.cvs[0], together.cvs[k], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(alone.errors[0], together.errors[k], rtol=1e-4)


def test_the_views_show_what_evaluate_does(chart, structures):
    points = chart.evaluate(structures)
    np.testing.assert_array_equal(chart.transform(structures), points.cvs)
    np.testing.assert_array_equal(chart.predict(structures), points.families)
    np.testing.assert_array_equal(chart.is_inside(structures), points.inside)
    np.testing.assert_array_equal(chart.reconstruction_error(structures), points.errors)
    expected = np.where(points.inside, chart.families.nearest(points.cvs), -1)
    np.testing.assert_array_equal(points.families, expected)


def test_new_structures_of_the_same_kind_are_inside(chart, structures, make_structures):
    # By its making the domain holds every structure the chart was made from.
    assert chart.is_inside(structures).all()
    assert chart.is_inside(make_structures(60, seed=1)).mean() > 0.7


def test_far_structures_are_outside(chart, structures):
    rng = np.random.default_rng(0)
    others = {
        "a gas": rng.uniform(0, 40, (1, 12, 3)),
        "compressed": structures[:1] * 0.7,
        "stretched": structures[:1] * 1.3,
        "one atom gone": structures[:1] + np.eye(12)[-1][:, None] * [0, 0, 40.0],
        "another lattice": np.array(
            [[[i, j, k] for i in range(3) for j in range(2) for k in range(2)]]
        )
        * 3.4,
    }
    for name, one in others.items():
        assert not chart.is_inside(one)[0], name
        assert chart.predict(one)[0] == -1, name


def test_what_lies_beyond_the_window_decides_too(chart, structures):
    # The window's RDF is that of a known structure; only the share beyond the window is not.
    rdf = chart_module.rdf_of_positions(structures, chart.basis)
    known = chart.evaluate_rdf(rdf)
    inside = int(np.flatnonzero(known.inside)[0])
    strict = replace(chart, domain=replace(chart.domain, largest_outside=-1.0))
    assert not strict.evaluate_rdf(rdf[[inside]]).inside[0]


def test_structures_of_another_cluster_are_refused(chart, structures):
    with pytest.raises(NanochartError, match=r"Au12, the structures are Cu12"):
        chart.transform(Atoms("Cu12", structures[0]))
    with pytest.raises(NanochartError, match="Au12"):
        chart.predict(structures[:, :11])
    np.testing.assert_array_equal(
        chart.transform(Atoms("Au12", structures[0])), chart.transform(structures[0])
    )


def test_a_chart_without_families_predicts_none(chart, structures):
    bare = chart.with_families(None)
    with pytest.raises(NanochartError, match="no families"):
        bare.predict(structures)
    assert (bare.evaluate(structures).families == -1).all()


def test_the_element_must_be_known(structures):
    with pytest.raises(NanochartError, match="species="):
        train(structures)


def test_train_finds_window_and_families(structures):
    settings = TrainingSettings(epochs=1, batch_size=32)
    made = train(structures[:40], species="Au", settings=settings)
    assert made.window != (0, 500)
    assert made.model.n_bins == made.window[1] - made.window[0]
    assert sum(family.size for family in made.families) == 40
