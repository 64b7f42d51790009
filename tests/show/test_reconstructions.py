"""The figure of reconstructions shows what it was given: the median ones and the worst."""

from __future__ import annotations

import numpy as np

from nanochart.show.reconstructions import reconstruction_figure, worst_rows


def test_the_worst_are_those_with_the_largest_errors():
    errors = np.arange(300.0)[::-1]
    assert list(worst_rows(errors)) == [0, 1, 2]  # 1 % of 300
    assert list(worst_rows(np.array([1.0, 3.0, 2.0]))) == [1]


def test_what_is_drawn_is_what_was_given():
    rng = np.random.default_rng(0)
    points, rdf = np.linspace(2, 16, 50), rng.random((500, 50))
    reconstructed, errors = rng.random((500, 50)), rng.permutation(500).astype(float)
    figure = reconstruction_figure(points, rdf, reconstructed, errors)
    drawn = [line.get_ydata() for axis in figure.axes for line in axis.lines]
    assert len(figure.axes) == 8
    worst = int(errors.argmax())  # the first of the right column, which is the second axis
    np.testing.assert_array_equal(figure.axes[1].lines[0].get_ydata(), rdf[worst])
    np.testing.assert_array_equal(figure.axes[1].lines[1].get_ydata(), reconstructed[worst])
    middle = int(np.flatnonzero(errors == 250)[0])
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), rdf[middle])
    assert len(drawn) == 16


def test_few_structures_make_a_figure():
    figure = reconstruction_figure(np.arange(5.0), np.ones((2, 5)), np.ones((2, 5)), np.ones(2))
    assert len(figure.axes[1].lines) == 2
