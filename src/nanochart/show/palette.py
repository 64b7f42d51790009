"""The colours of everything shown: classes, families, pages and drawings; one place for all.

Classes have the paper's colours (its Fig. 2), in shades that colour-blind eyes tell apart. A
family's colour is its number's, in every figure and on every page, however many there are.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from nanochart.structure.classes import CLASS_COLOURS, CLASS_NAMES

# Neutral colours, and the CSS variable that takes each one's place on the page.
INK, MUTED, RULE, PAPER, ACCENT = "#1c1e21", "#6a6f76", "#dcdfe3", "#fdfdfb", "#b8321f"
CSS_VARIABLES = {INK: "ink", MUTED: "muted", RULE: "rule", PAPER: "paper", ACCENT: "accent"} | {
    CLASS_COLOURS[name].lower(): f"class-{code}" for code, name in enumerate(CLASS_NAMES)
}
#: Of what belongs to no family.
NO_FAMILY = "#8b9097"
#: By class code: Dh blue, Ih orange, Twin green, Fcc red, Mix purple, Amorphous pink.
CLASS_PALETTE = tuple(CLASS_COLOURS[name] for name in CLASS_NAMES)

# OKLab to the cube roots of LMS, and LMS to linear sRGB, both for row vectors
# (B. Ottosson, "A perceptual color space for image processing", 2020).
LAB_TO_LMS = np.array(
    [
        [1.0, 1.0, 1.0],
        [0.3963377774, -0.1055613458, -0.0894841775],
        [0.2158037573, -0.0638541728, -1.2914855480],
    ]
)
LMS_TO_RGB = np.array(
    [
        [4.0767416621, -1.2684380046, -0.0041960863],
        [-3.3077115913, 2.6097574011, -0.7034186147],
        [0.2309699292, -0.3413193965, 1.7076147010],
    ]
)


@cache
def _palette() -> tuple[str, ...]:
    """Colours that read on white and on black, each as far as possible from those before it."""
    lightness, chroma, hue = np.meshgrid(
        [0.52, 0.62, 0.71, 0.8], [0.06, 0.11, 0.15], np.arange(0, 2 * np.pi, 0.14), indexing="ij"
    )
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], -1).reshape(-1, 3)
    rgb = (lab @ LAB_TO_LMS) ** 3 @ LMS_TO_RGB
    shown = ((rgb >= 0) & (rgb <= 1)).all(axis=1)
    lab, rgb = lab[shown], rgb[shown]
    order = [int(np.argmin(np.linalg.norm(lab - [0.6, -0.05, -0.13], axis=1)))]  # a quiet blue
    distance = np.linalg.norm(lab - lab[order[0]], axis=1)
    while len(order) < len(lab):
        order.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(lab - lab[order[-1]], axis=1))
    srgb = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)
    return tuple(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.rint(255 * srgb[order]).astype(int))


def family_colour(family_id: int) -> str:
    """Give the colour of a family, ``#rrggbb``, by its number; below 0: of no family."""
    palette = _palette()
    return palette[family_id % len(palette)] if family_id >= 0 else NO_FAMILY


def family_colours(n: int) -> tuple[str, ...]:
    """Give the colours of the families 0 … n − 1; family i's does not depend on ``n``.

    Each colour lies as far as possible from those before it; after about 400 they repeat.
    """
    return tuple(family_colour(i) for i in range(n))


def is_light(colour: str) -> bool:
    """Tell whether ``#rrggbb`` wants dark letters on it."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue > 140


def on_dark(colour: str) -> str:
    """Lighten ``#rrggbb`` until it reads on a dark page (luma of at least 110 of 255)."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)
    luma = rgb @ [0.299, 0.587, 0.114]
    if luma < 110:
        rgb += (255 - rgb) * (110 - luma) / (255 - luma)
    return "#" + "".join(f"{round(value):02x}" for value in rgb)
