from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_hex

from nanochart.show import figures
from nanochart.show.palette import INK, family_colours, on_dark
from nanochart.show.paper import PAPER
from nanochart.show.population_figures import draw_populations
from nanochart.show.svg import to_svg
from nanochart.structure.classes import CLASS_COLOURS, CLASS_NAMES

COLOURS = [CLASS_COLOURS[name] for name in CLASS_NAMES]
rng = np.random.default_rng(3)


def test_bands_are_the_quantiles_of_each_class():
    classes = np.array([0] * 30 + [4] * 11)
    rdf = rng.random((41, 7))
    bands = figures.rdf_bands(rdf, classes)
    assert bands.shape == (len(CLASS_NAMES), 3, 7)
    np.testing.assert_allclose(bands[4, 1], np.median(rdf[30:], axis=0))
    # 11 structures: the 5 % quantile lies half way between the lowest and the next.
    np.testing.assert_allclose(bands[4, 0], np.sort(rdf[30:], axis=0)[:2].mean(axis=0))
    assert np.isnan(bands[1]).all()


def test_bands_read_a_memory_mapped_array(tmp_path):
    rdf = rng.random((20, 7)).astype(np.float32)
    np.save(tmp_path / "rdf.npy", rdf)
    mapped = np.load(tmp_path / "rdf.npy", mmap_mode="r")
    classes = np.arange(20) % 2
    np.testing.assert_array_equal(
        figures.rdf_bands(mapped, classes), figures.rdf_bands(rdf, classes)
    )


def test_rdf_panels_hold_the_medians_and_bands():
    grid, classes = np.linspace(2, 16, 9), np.arange(60) % 3
    bands = figures.rdf_bands(rng.random((60, 9)), classes)
    figure = figures.draw_rdf_bands(grid, bands, [20, 20, 20, 0, 0, 0])
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == ["Dh", "Ih", "Twin"]
    for code, axes in enumerate(shown):
        np.testing.assert_array_equal(axes.lines[-1].get_ydata(), bands[code, 1])
        vertices = axes.collections[0].get_paths()[0].vertices[:, 1]
        assert vertices.max() == bands[code, 2].max()
        assert vertices[np.isin(vertices, bands[code, 0])].size


def test_stacked_areas_are_the_cumulated_fractions():
    temperatures = np.array([250.0, 300.0, 400.0])
    fractions = rng.dirichlet(np.ones(6), size=3)
    errors = 0.1 * fractions
    figure = draw_populations(temperatures, fractions, CLASS_NAMES, COLOURS, errors=errors)
    stack, below = figure.axes
    tops = np.cumsum(fractions, axis=1)
    for group, area in enumerate(stack.collections):
        vertices = area.get_paths()[0].vertices
        for t, temperature in enumerate(temperatures):
            at = vertices[vertices[:, 0] == temperature][:, 1]
            floor = tops[t, group] - fractions[t, group]
            np.testing.assert_allclose([at.min(), at.max()], [floor, tops[t, group]], atol=1e-12)
        assert to_hex(area.get_facecolor()[0]) == COLOURS[group].lower()
    for group, line in enumerate(below.lines):
        np.testing.assert_array_equal(line.get_ydata(), errors[:, group])


def test_labels_lie_inside_their_bands():
    temperatures = np.linspace(250, 550, 9)
    fractions = rng.dirichlet(np.full(30, 0.3), size=9)
    figure = draw_populations(
        temperatures, fractions, [f"{i} family" for i in range(30)], family_colours(30)
    )
    tops = np.cumsum(fractions, axis=1)
    assert figure.axes[0].texts
    for text in figure.axes[0].texts:
        group, (x, y) = int(text.get_text().split()[0]), text.get_position()
        top = np.interp(x, temperatures, tops[:, group])
        assert top - np.interp(x, temperatures, fractions[:, group]) < y < top


def test_one_temperature_gives_a_bar():
    fractions = np.array([[0.5, 0.5, 0, 0, 0, 0]])
    figure = draw_populations(np.array([300.0]), fractions, CLASS_NAMES, COLOURS)
    assert [text.get_text() for text in figure.axes[0].texts] == ["Dh", "Ih"]
    assert list(figure.axes[0].get_xticks()) == [300.0]
    to_svg(figure, "one", "one")


def test_loss_lines_hold_the_history_and_the_kept_epoch():
    train, validation = np.array([0.1, 0.05, 0.04]), np.array([0.2, 0.06, 0.07])
    axes = figures.draw_loss(train, validation, 2, pca_mse=0.05, halvings=(2,)).axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_array_equal(lines["training"].get_ydata(), train)
    np.testing.assert_array_equal(lines["validation"].get_ydata(), validation)
    assert set(lines["PCA, 3"].get_ydata()) == {0.05}
    dot = next(line for line in axes.lines if line.get_marker() == "o")
    assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (2, 0.06)
    assert axes.get_yscale() == "log"


def test_swaps_leave_out_pairs_that_never_tried():
    figure = figures.draw_swaps(np.array([300.0, 320, 350]), [10, 0], [4, 0])
    line = figure.axes[0].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), [310, 335])
    np.testing.assert_array_equal(line.get_ydata(), [0.4, np.nan])
    to_svg(figures.draw_swaps(np.array([300.0, 320]), [0], [0]), "zero", "zero")


@pytest.mark.parametrize("n", [0, 1, 27, 100])
def test_family_colours_are_distinct_and_stable(n):
    colours = family_colours(n)
    assert len(set(colours)) == n
    assert colours == family_colours(100)[:n]
    assert len(family_colours(1000)) == 1000


def test_colours_are_lightened_for_dark_pages_only_where_needed():
    assert on_dark("#f4a6c8") == "#f4a6c8"
    luma = np.array([0.299, 0.587, 0.114]) @ [
        int(on_dark("#4b0082")[i : i + 2], 16) for i in (1, 3, 5)
    ]
    assert abs(luma - 110) < 1


def test_svg_is_text_with_the_colours_of_the_page_and_the_same_each_time():
    def draw():
        figure = figures.draw_swaps(np.array([300.0, 320, 350]), [10, 10], [4, 3])
        return to_svg(figure, "swaps", 'a "quoted" <name>')

    svg = draw()
    assert svg == draw()
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == 'a "quoted" <name>'
    assert "swaps accepted" in {element.text for element in root.iter() if element.text}
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert ids
    assert all(name.startswith("swaps-") for name in ids)
    assert "var(--ink)" in svg
    assert INK not in svg


def test_the_paper_adds_up():
    # Totals printed in the SI, sections 1.2-1.5, with Cu147's corrected.
    totals = {
        ("Au", 90): (921_600, 49_016),
        ("Au", 147): (613_872, 87_050),
        ("Ag", 147): (179_200, 30_405),
        ("Cu", 147): (224_000, 27_857),
    }
    assert totals == {
        key: (sum(system.all_snapshots), sum(system.filtered)) for key, system in PAPER.items()
    }
