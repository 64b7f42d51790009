"""Sheets of structures: every family with its own pictures, number, colour and words."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from nanochart.show.palette import family_colours
from nanochart.show.structure_figures import draw_family_sheet, draw_sections
from nanochart.show.style import NARROW, WIDE


def pictures(n: int, shade: int) -> list[np.ndarray]:
    return [np.full((8, 8, 3), shade + k, dtype=np.uint8) for k in range(n)]


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("n", [1, 5, 28])
def test_the_sheet_shows_each_family_once(n, width, clipped):
    wholes, sections = pictures(n, 0), pictures(n, 100)
    names = [f"name of family {k}, a long one with very many words in it" for k in range(n)]
    figure = draw_family_sheet(
        wholes,
        sections,
        [str(k) for k in range(n)],
        family_colours(n),
        names,
        ["12,345: Amorphous 40 %, Twin 30 %, Mix 20 %, Dh 10 %"] * n,
        width=width,
    )
    if width == WIDE and n > 1:  # words keep to their column
        figure.draw_without_rendering()
        for text in figure.axes[0].texts:
            if text.get_position()[0] < WIDE / 2:
                box = text.get_window_extent()
                key = text.get_position()[1] > figure.get_figheight() - 0.2
                assert key or box.x1 < figure.bbox.width / 2 + 3, text.get_text()
    (axes,) = figure.axes
    shown = [int(image.get_array()[0, 0, 0]) for image in axes.images]
    assert shown == [value for k in range(n) for value in (k, 100 + k)]
    assert [to_hex(one.get_facecolor()) for one in axes.patches] == list(family_colours(n))
    words = [text.get_text() for text in axes.texts]
    for k in range(n):
        assert str(k) in words
    # A picture stands in the line of its family's number.
    number = next(text for text in axes.texts if text.get_text() == str(n - 1))
    _, _, y0, y1 = axes.images[-1].get_extent()
    assert y0 < number.get_position()[1] < y1
    assert clipped(figure) == []


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("n", [1, 4, 9])
def test_sections_stand_by_group(n, width, clipped):
    groups = ["fcc" if k < n - 1 else "Ih" for k in range(n)]
    figure = draw_sections(
        pictures(n, 0),
        [str(k) for k in range(n)],
        family_colours(n),
        ["2:1 fcc with one hcp plane and local surface reconstruction"] * n,
        groups=groups,
        width=width,
    )
    (axes,) = figure.axes
    assert [int(image.get_array()[0, 0, 0]) for image in axes.images] == list(range(n))
    words = [text.get_text() for text in axes.texts]
    assert words.count("Ih") == 1
    assert figure.get_figwidth() <= width
    assert clipped(figure) == []
