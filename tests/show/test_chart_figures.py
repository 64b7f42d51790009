"""The chart as drawn: its points are the points, in the colours of their groups."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from nanochart.show.chart_figures import VIEWS, draw_chart
from nanochart.show.palette import RULE, family_colours
from nanochart.show.style import NARROW, WIDE

rng = np.random.default_rng(5)
CVS = rng.normal(size=(60, 3)) * [1.0, 20.0, 300.0]
GROUPS = np.arange(60) % 3
COLOURS = ("#0072B2", "#EE9A00", "#CC3311")
NAMES = ("one", "two", "three")


@pytest.mark.parametrize(("width", "panels"), [(WIDE, 3), (NARROW, 2)])
def test_every_view_shows_all_points_in_their_colours(width, panels, clipped):
    figure = draw_chart(CVS, GROUPS, NAMES, COLOURS, width=width)
    assert len(figure.axes) == panels
    for axes, view in zip(figure.axes, VIEWS, strict=False):
        assert (axes.elev, axes.azim) == view
        points = axes.collections[0]
        np.testing.assert_array_equal(np.transpose(points._offsets3d), CVS)
        shades = [to_hex(one) for one in points.get_facecolors()]
        by_depth = GROUPS[points._z_markers_idx]  # the farthest is drawn first
        assert shades == [COLOURS[group].lower() for group in by_depth]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(NAMES)
    assert clipped(figure) == []


def test_groups_without_points_are_not_named_and_those_below_zero_not_drawn():
    groups = np.where(GROUPS == 1, -1, GROUPS)
    figure = draw_chart(CVS, groups, NAMES, COLOURS, views=VIEWS[:1])
    assert len(np.transpose(figure.axes[0].collections[0]._offsets3d)) == 40
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "three"]


def test_marks_stand_at_their_places_and_do_not_cover_one_another(clipped):
    marks = [("0", np.zeros(3)), ("1", np.array([0.01, 0, 0])), ("2", 0.9 * CVS.max(axis=0))]
    figure = draw_chart(CVS, GROUPS, NAMES, COLOURS, views=VIEWS[:1], marks=marks, width=NARROW)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["0", "2"]  # 1 would lie on 0
    assert axes.texts[1].get_position_3d() == tuple(0.9 * CVS.max(axis=0))
    assert clipped(figure) == []


def test_a_backdrop_is_grey_and_behind():
    figure = draw_chart(CVS[:5], GROUPS[:5], NAMES, COLOURS, views=VIEWS[:1], backdrop=CVS)
    behind, points = figure.axes[0].collections
    np.testing.assert_array_equal(np.transpose(behind._offsets3d), CVS)
    assert to_hex(behind.get_facecolors()[0]) == RULE
    assert len(np.transpose(points._offsets3d)) == 5


def test_two_dimensions_are_one_panel(clipped):
    figure = draw_chart(CVS[:, :2], GROUPS, NAMES, COLOURS, marks=[("0", CVS[0, :2])])
    (axes,) = figure.axes
    drawn = axes.collections[0].get_offsets()
    assert {tuple(one) for one in drawn.tolist()} == {tuple(one) for one in CVS[:, :2].tolist()}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("CV1", "CV2")
    assert clipped(figure) == []


def test_one_dimension_is_a_histogram(clipped):
    figure = draw_chart(CVS[:, :1], GROUPS, NAMES, COLOURS)
    (axes,) = figure.axes
    # Stacked: the tops of the last group hold all.
    tops = axes.containers[-1]
    assert sum(bar.get_height() for one in axes.containers for bar in one) == 60
    assert len(tops) >= 10
    assert clipped(figure) == []


def test_a_hundred_families_have_no_legend():
    groups = np.arange(300) % 100
    cvs = rng.normal(size=(300, 3))
    figure = draw_chart(cvs, groups, [str(i) for i in range(100)], family_colours(100))
    assert figure.legends == []
    assert len({to_hex(c) for c in figure.axes[0].collections[0].get_facecolors()}) == 100


@pytest.mark.parametrize("n", [0, 1])
def test_no_point_and_one_point(n):
    figure = draw_chart(CVS[:n], GROUPS[:n], NAMES, COLOURS)
    assert len(np.transpose(figure.axes[0].collections[0]._offsets3d)) == n
