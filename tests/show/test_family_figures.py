from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from nanochart.chart.bandwidth import BandwidthScan, Plateau
from nanochart.chart.hierarchy import FamilyTree, Merge
from nanochart.chart.stability import STABLE
from nanochart.show.family_figures import rdf_difference_figure, scan_figure, tree_figure
from nanochart.show.palette import ACCENT, MUTED, family_colours
from nanochart.show.style import NARROW, WIDE
from nanochart.show.svg import to_svg

TREE = FamilyTree((Merge(1, 3, 0.0, 2), Merge(0, 2, 0.4, 2), Merge(4, 6, 1.5, 3)), 5)
NAMES = ["zero", "one", "two", "three", "four"]
LONG = "faulted fcc, two parallel planes and one that crosses them both, with an island on top"

BANDWIDTHS = np.geomspace(0.1, 1.0, 9)
SCAN = BandwidthScan(
    bandwidths=BANDWIDTHS,
    n_families=np.array([900, 500, 200, 90, 40, 20, 9, 5, 2]),
    n_major=np.array([0, 300, 100, 40, 19, 18, 8, 5, 2]),
    largest_share=np.linspace(0.1, 0.9, 9),
    major_share=np.linspace(0.5, 1.0, 9),
    reproducibility=np.array([np.nan, 0.3, 0.4, 0.6, 0.8, 0.9, 0.9, 1.0, 1.0]),
    resampled_major=np.arange(1, 28).reshape(9, 3)[::-1],
    smallest_share=1e-3,
)
PLATEAUS = (Plateau(0.3, 0.45, 0.36, 19, 0.8), Plateau(0.6, 0.8, 0.7, 5, 0.9))


def assert_nothing_is_cut_off(figure):
    """Every text lies within the figure."""
    FigureCanvasAgg(figure).draw()
    frame = figure.bbox.padded(1)
    for axes in figure.axes:
        texts = [*axes.texts, axes.xaxis.label, axes.yaxis.label]
        texts += axes.get_legend().get_texts() if axes.get_legend() else []
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            texts += [tick.label1 for tick in ticks]
        for text in (one for one in texts if one.get_visible() and one.get_text()):
            for corner in text.get_window_extent().corners():
                assert frame.contains(*corner), text.get_text()


def brackets(axes):
    """Lines of four points: the links."""
    return [line for line in axes.lines if len(line.get_xdata()) == 4]


def test_links_stand_at_the_barriers_in_the_colour_of_their_group():
    axes = tree_figure(TREE, NAMES).axes[0]
    links = brackets(axes)
    assert [line.get_xdata()[1] for line in links[:3]] == [0.0, 0.4, 1.5]
    colours = family_colours(5)
    # Below ln 2 the groups are {0, 2}, {1, 3}, {4}; above it they have no colour.
    assert [line.get_color() for line in links] == [colours[1], colours[0], MUTED, MUTED]
    assert [line.get_linestyle() for line in links] == ["-", "-", "-", ":"]
    threshold = next(line for line in axes.lines if line.get_color() == ACCENT)
    np.testing.assert_allclose(threshold.get_xdata(), np.log(2))
    assert [text.get_text() for text in axes.texts] == ["3 groups at 0.69"]


def test_names_and_colours_stand_at_their_leaves():
    axes = tree_figure(TREE, NAMES).axes[0]
    lines = dict(
        zip((t.get_text() for t in axes.get_yticklabels()), axes.get_yticks(), strict=True)
    )
    assert sorted(lines.values()) == [0, 1, 2, 3, 4]
    places, colours = axes.collections[0].get_offsets(), axes.collections[0].get_facecolors()
    for family, name in enumerate(NAMES):
        assert places[family, 1] == lines[name]
        assert to_hex(colours[family]) == family_colours(5)[family]
    # The first merge joins one and three, at their lines.
    ends = brackets(axes)[0].get_ydata()[[0, -1]]
    assert sorted(ends) == sorted((lines["one"], lines["three"]))


def test_no_two_links_cross():
    rng = np.random.default_rng(0)
    living, merges = list(range(40)), []
    sizes = [1] * 40
    for k in range(39):
        a, b = (living.pop(rng.integers(len(living))) for _ in range(2))
        sizes.append(sizes[a] + sizes[b])
        merges.append(Merge(min(a, b), max(a, b), float(k), sizes[-1]))
        living.append(40 + k)
    axes = tree_figure(FamilyTree(tuple(merges), 40), [str(k) for k in range(40)]).axes[0]
    # A group's lines are neighbours of each other: the lines of its families leave no gap.
    lines = axes.collections[0].get_offsets()[:, 1]
    members = {k: {k} for k in range(40)}
    for k, merge in enumerate(merges, 40):
        members[k] = members[merge.first] | members[merge.second]
        assert np.ptp(lines[list(members[k])]) == len(members[k]) - 1


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize(
    "tree",
    [
        FamilyTree((), 1),
        FamilyTree((Merge(0, 1, 2.0, 2),), 2),
        FamilyTree((), 2),
        FamilyTree((), 6),
        FamilyTree((Merge(0, 1, 0.0, 2),), 2),
        FamilyTree(tuple(Merge(k + 1, 99 + k if k else 0, k / 20, k + 2) for k in range(99)), 100),
    ],
)
def test_trees_of_every_kind_are_drawn_whole(tree, width):
    figure = tree_figure(tree, [f"{LONG} {k}" for k in range(tree.n_families)], width=width)
    assert_nothing_is_cut_off(figure)
    axes = figure.axes[0]
    assert len(brackets(axes)) == tree.n_families - 1
    has_apart = len(tree.merges) < tree.n_families - 1
    assert ("∞" in [t.get_text() for t in axes.get_xticklabels()]) == has_apart
    assert axes.get_window_extent().width > 0.3 * figure.bbox.width
    ElementTree.fromstring(to_svg(figure, "tree", "a tree"))


def test_an_infinite_threshold_is_not_drawn():
    axes = tree_figure(TREE, NAMES, barrier=np.inf).axes[0]
    assert len(axes.lines) == 4
    assert not axes.texts


def test_names_are_not_formulas(hostile):
    figure = tree_figure(FamilyTree((), 2), [hostile, "$\\frac$"])
    assert "$\\frac$" in "".join(ElementTree.fromstring(to_svg(figure, "t", "t")).itertext())


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_scan_shows_what_it_was_given(width):
    figure = scan_figure(SCAN, PLATEAUS, 0.36, width=width)
    above, below = figure.axes
    lines = {line.get_label(): line for line in above.lines}
    np.testing.assert_array_equal(lines["all"].get_xdata(), BANDWIDTHS)
    np.testing.assert_array_equal(lines["all"].get_ydata(), SCAN.n_families)
    np.testing.assert_array_equal(lines["major"].get_ydata(), SCAN.n_major)
    assert set(lines["chosen: 0.36"].get_xdata()) == {0.36}
    band = above.collections[0].get_paths()[0].vertices
    for bandwidth, drawn in zip(BANDWIDTHS, SCAN.resampled_major, strict=True):
        at = band[band[:, 0] == bandwidth][:, 1]
        assert (at.min(), at.max()) == (drawn.min(), drawn.max())
    curve = next(line for line in below.lines if len(line.get_xdata()) == 9)
    np.testing.assert_array_equal(curve.get_ydata(), SCAN.reproducibility)
    assert any(set(line.get_ydata()) == {STABLE} for line in below.lines)
    for axes in (above, below):
        spans = [
            patch.get_extents().transformed(axes.transData.inverted()) for patch in axes.patches
        ]
        np.testing.assert_allclose([(s.x0, s.x1) for s in spans], [(0.3, 0.45), (0.6, 0.8)])
        assert axes.get_xscale() == "log"
    assert [text.get_text() for text in above.texts] == ["19", "5"]
    assert_nothing_is_cut_off(figure)


def test_a_scan_without_samples_has_one_panel():
    unsampled = replace(
        SCAN,
        reproducibility=np.full(9, np.nan),
        resampled_major=np.zeros((9, 0), dtype=np.int64),
    )
    figure = scan_figure(unsampled, (), 0.2)
    (axes,) = figure.axes
    assert not axes.collections
    assert not axes.patches
    assert_nothing_is_cut_off(figure)


@pytest.mark.parametrize("last", [0.1, 0.12, 0.4, 30.0])
def test_a_scan_of_any_range_has_labelled_bandwidths(last):
    bandwidths = np.geomspace(0.1, last, 9) if last > 0.1 else np.full(9, 0.1)
    figure = scan_figure(replace(SCAN, bandwidths=bandwidths), (), 0.1)
    assert_nothing_is_cut_off(figure)
    low, high = figure.axes[1].get_xlim()
    assert any(low <= tick <= high for tick in figure.axes[1].get_xticks())


def difference_inputs():
    distances = np.linspace(2, 16, 281)
    a, b = np.exp(-((distances - 5) ** 2)), np.exp(-((distances - 5.4) ** 2))
    return distances, a, b, np.stack([0.9 * a, 1.1 * a]), np.stack([0.8 * b, 1.2 * b])


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_rdf_difference_shows_means_bands_difference_and_marks(width):
    distances, a, b, band_a, band_b = difference_inputs()
    marks = [6.0, 5.5, 4.5]
    figure = rdf_difference_figure(
        distances, a, b, band_a, band_b, "first", LONG * 3, marked=marks, width=width
    )
    above, below = figure.axes
    for line, mean, colour in zip(above.lines, (a, b), family_colours(2), strict=False):
        np.testing.assert_array_equal(line.get_ydata(), mean)
        assert line.get_color() == colour
    for band, (low, high) in zip(above.collections, (band_a, band_b), strict=True):
        values = band.get_paths()[0].vertices[:, 1]
        assert values.max() == high.max()
        assert np.isin(low, values).all()
    assert any(np.array_equal(line.get_ydata(), b - a) for line in below.lines)
    assert [text.get_text() for text in below.texts] == ["4.5 Å", "5.5 Å", "6.0 Å"]
    dots = [line for line in below.lines if line.get_marker() == "o"]
    np.testing.assert_allclose([dot.get_xdata()[0] for dot in dots], sorted(marks))
    np.testing.assert_allclose(
        [dot.get_ydata()[0] for dot in dots], np.interp(sorted(marks), distances, b - a)
    )
    assert_nothing_is_cut_off(figure)
    boxes = [text.get_window_extent() for text in below.texts]
    assert not any(one.overlaps(two) for k, one in enumerate(boxes) for two in boxes[:k])


def test_rdfs_that_are_the_same_are_drawn():
    distances, a, _, band, _ = difference_inputs()
    figure = rdf_difference_figure(distances, a, a, band, band, "one", "same")
    assert not figure.axes[1].texts
    assert_nothing_is_cut_off(figure)
