"""Curves hold the numbers given."""

from __future__ import annotations

import numpy as np
import pytest

from nanochart.show.curve_figures import draw_dimensions, draw_family_card, draw_heat_capacity
from nanochart.show.style import NARROW, WIDE


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_losses_against_dimensions_in_order(width, clipped):
    figure = draw_dimensions(
        [3, 1, 2],
        [0.003, 0.009, 0.004],
        r2=[0.8, 0.4, 0.7],
        pca=[0.006, 0.01, 0.007],
        elbow=2,
        chosen=3,
        width=width,
    )
    loss, r2 = figure.axes
    lines = {line.get_label(): line for line in loss.lines}
    np.testing.assert_array_equal(lines["autoencoder"].get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(lines["autoencoder"].get_ydata(), [0.009, 0.004, 0.003])
    np.testing.assert_array_equal(lines["linear PCA"].get_ydata(), [0.01, 0.007, 0.006])
    assert set(lines["elbow: 2"].get_xdata()) == {2}
    assert set(lines["chosen: 3"].get_xdata()) == {3}
    np.testing.assert_array_equal(r2.lines[-1].get_ydata(), [0.4, 0.7, 0.8])
    assert clipped(figure) == []


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_heat_capacity_its_error_and_its_peak(width, clipped):
    temperatures, values = np.array([300.0, 400, 500]), np.array([3.0, 6.5, 3.5])
    errors = np.array([0.1, 0.5, 0.2])
    figure = draw_heat_capacity(temperatures, values, errors, width=width)
    (axes,) = figure.axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), values)
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert {2.9, 6.0, 3.3, 3.1, 7.0, 3.7} <= set(band.round(9).tolist())
    assert "400 K" in [text.get_text() for text in axes.texts]
    assert clipped(figure) == []


def test_a_line_through_all_data_has_the_band_and_the_peak(clipped):
    temperatures, values = np.array([300.0, 400, 500]), np.array([3.0, 6.5, 3.5])
    line = np.linspace(300, 500, 9)
    curve = (line, 3 + 4 * np.exp(-(((line - 425) / 40) ** 2)), np.full(9, 0.2))
    figure = draw_heat_capacity(temperatures, values, np.full(3, np.nan), curve=curve)
    (axes,) = figure.axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), curve[1])
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), values)
    assert "425 K" in [text.get_text() for text in axes.texts]
    assert len(axes.collections) == 1
    assert clipped(figure) == []


def test_one_temperature_has_a_value_and_no_peak(clipped):
    figure = draw_heat_capacity(np.array([300.0]), np.array([3.1]), np.array([np.nan]))
    assert not [text for text in figure.axes[0].texts if "K" in text.get_text()]
    assert clipped(figure) == []


def test_a_card_shows_the_band_and_the_share(clipped):
    distances = np.linspace(2, 16, 9)
    band = np.sort(np.random.default_rng(0).random((3, 9)), axis=0)
    temperatures, shares = np.array([300.0, 400.0]), np.array([0.2, 0.1])
    figure = draw_family_card(
        distances, band, band[1] / 2, "#0072B2", temperatures=temperatures, fractions=shares,
        errors=shares / 2,
    )  # fmt: skip
    rdf, share = figure.axes
    np.testing.assert_array_equal(rdf.lines[0].get_ydata(), band[1] / 2)
    np.testing.assert_array_equal(rdf.lines[1].get_ydata(), band[1])
    np.testing.assert_array_equal(share.lines[0].get_ydata(), shares)
    assert clipped(figure) == []
    alone = draw_family_card(
        distances, band, band[1], "#0072B2", temperatures=temperatures[:1], fractions=shares[:1]
    )
    assert len(alone.axes) == 1
