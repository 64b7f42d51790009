"""One palette: by class as in the paper, by family by its number."""

from __future__ import annotations

import colorsys

import pytest

from nanochart.show.palette import (
    CLASS_PALETTE,
    NO_FAMILY,
    family_colour,
    family_colours,
    is_light,
    on_dark,
)
from nanochart.structure.classes import CLASS_NAMES


def hue(colour: str) -> float:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 360 * colorsys.rgb_to_hsv(red, green, blue)[0]


@pytest.mark.parametrize(
    ("name", "low", "high"),  # the paper's Fig. 2 in words, as hues in degrees
    [
        ("Dh", 190, 250),
        ("Twin", 90, 170),
        ("Fcc", 0, 20),
        ("Ih", 25, 50),
        ("Mix", 260, 300),
        ("Amorphous", 310, 350),
    ],
)
def test_classes_have_the_colours_of_the_paper(name: str, low: float, high: float) -> None:
    assert low <= hue(CLASS_PALETTE[CLASS_NAMES.index(name)]) <= high


def test_a_familys_colour_is_its_numbers_however_many_there_are() -> None:
    assert family_colours(5) == tuple(family_colour(i) for i in range(5))
    assert family_colours(100)[:5] == family_colours(5)
    assert len(set(family_colours(100))) == 100
    assert family_colour(-1) == NO_FAMILY
    assert NO_FAMILY not in family_colours(400)


def test_letters_stand_out_and_dark_pages_get_lighter_shades() -> None:
    assert is_light("#ffffff")
    assert not is_light("#000000")
    assert on_dark("#000000") != "#000000"
