"""A matplotlib figure as inline SVG: the same drawing serves light and dark pages.

Ink, rules and paper become CSS variables, text stays text, and the bytes are the same each time.
"""

from __future__ import annotations

import io
import re

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nanochart.show.palette import CSS_VARIABLES
from nanochart.show.style import style


def to_svg(figure: Figure, name: str, description: str) -> str:
    """Give a figure as inline SVG: text as text, colours of the page, the same bytes each time.

    ``name`` prefixes every id, so that several figures can share a page; ``description`` is read
    out in place of the picture.
    """
    FigureCanvasAgg(figure)
    buffer = io.StringIO()
    with style():
        no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=no_metadata)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.S)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    # A hundredth of a point is finer than any screen; the rest is weight.
    svg = re.sub(r' d="[^"]*"', lambda d: re.sub(r"(\.\d\d)\d+", r"\1", d[0]), svg)
    for colour, variable in CSS_VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    label = description.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    svg = re.sub(r'<svg (.*?)width="[^"]*"', r"<svg \1", svg, count=1, flags=re.S)
    svg = re.sub(r'height="[^"]*"', "", svg, count=1)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
