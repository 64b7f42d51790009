"""HTML in small pieces: text escaped, tables, figures of both widths, pictures inlined."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from nanochart.show.plates import Absent, Plate
from nanochart.show.style import NARROW, WIDE
from nanochart.show.svg import to_svg
from nanochart.structure.classes import CLASS_NAMES

CLASS_SHADES = [f"var(--class-{code})" for code in range(len(CLASS_NAMES))]  #: on the page
_COLOURS = 128  # of a picture: with fewer the shading shows steps


class Markup(str):
    """HTML made here; every other string is escaped before it enters the page."""


def escaped(value: object) -> str:
    """Escape anything that is not ``Markup``."""
    return value if isinstance(value, Markup) else html.escape(str(value))


def absent_line(reason: str) -> Markup:
    return Markup(f'<p class="absent">{escaped(reason)}</p>')


def bullets(items: Iterable[str]) -> Markup:
    return Markup("<ul>" + "".join(f"<li>{escaped(item)}</li>" for item in items) + "</ul>")


def definitions(pairs: Iterable[tuple[object, object]]) -> Markup:
    """Names and values for a ``<dl>``."""
    return Markup(
        "".join(
            f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>" for name, value in pairs
        )
    )


def table(head: Sequence[object], rows: Iterable[Sequence[object]], total: bool = False) -> Markup:
    """A table whose first column names the rows; ``total`` sets the last row apart."""
    lines = [
        [f'<th scope="row">{escaped(row[0])}</th>', *(f"<td>{escaped(c)}</td>" for c in row[1:])]
        for row in rows
    ]
    last = len(lines) - 1 if total else -1
    body = "".join(
        f"<tr{' class=total' if i == last else ''}>{''.join(cells)}</tr>"
        for i, cells in enumerate(lines)
    )
    columns = "".join(f'<th scope="col">{escaped(name)}</th>' for name in head)
    return Markup(
        f'<div class="scroll" tabindex="0"><table><thead><tr>{columns}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def figure(plate: Plate | Absent) -> Markup:
    """One figure twice, at the width of a desktop column and of a phone; or why it is not there."""
    if isinstance(plate, Absent):
        return absent_line(plate.reason)
    drawings = "".join(
        f'<div class="{kind}">{to_svg(plate.draw(width), f"{plate.name}-{kind}", plate.title)}'
        "</div>"
        for kind, width in (("wide", WIDE), ("narrow", NARROW))
    )
    return Markup(
        f'<figure id="{plate.name}">{drawings}<figcaption>{escaped(plate.caption)}</figcaption>'
        "</figure>"
    )


def inline_picture(pixels: NDArray[np.uint8], description: str) -> Markup:
    """An image, (height, width, 3), shown at half its size: sharp on fine screens and on paper."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).quantize(_COLOURS, dither=Image.Dither.NONE).save(
        buffer, format="PNG", optimize=True
    )
    source = base64.b64encode(buffer.getvalue()).decode()
    height, width = pixels.shape[:2]
    return Markup(
        f'<img src="data:image/png;base64,{source}" width="{width // 2}" height="{height // 2}" '
        f'alt="{escaped(description)}">'
    )


def percent(part: float, whole: float) -> str:
    """A share with as many digits as it needs to differ from nothing."""
    if whole == 0 or part == 0:
        return "0 %"
    share = 100 * part / whole
    return f"{share:.0f} %" if share >= 9.95 else f"{share:.1f} %" if share >= 0.1 else "< 0.1 %"


def count_cell(part: int, whole: int) -> Markup:
    return Markup(f"{part:,}<small>{escaped(percent(part, whole))}</small>")


def class_counts(codes: ArrayLike) -> NDArray[np.integer]:
    return np.bincount(np.asarray(codes, dtype=np.int64), minlength=len(CLASS_NAMES))


def swatch(colour: str, label: str) -> Markup:
    return Markup(f'<span class="swatch" style="background:{colour}"></span>{escaped(label)}')
