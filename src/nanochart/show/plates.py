"""A plate: one figure of a run, at any width, with its caption and the numbers behind it.

Plates are made by `nanochart.show.run_plates`; here they are written to files: PDF, SVG or PNG at
two widths, one column of a journal and two, and the numbers as CSV.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nanochart.errors import NanochartError
from nanochart.files import replacing
from nanochart.formats import write_csv
from nanochart.progress import Progress, silent
from nanochart.show.content import ReportContent
from nanochart.show.style import NARROW, WIDE, style

#: Formats a figure can be written in.
FORMATS = ("pdf", "svg", "png")


@dataclass(frozen=True, eq=False)
class Plate:
    """A figure that is there."""

    name: str  #: as a file is called: "fig4c"
    title: str  #: what it shows, in a few words
    caption: str  #: whole sentences
    draw: Callable[[float], Figure]  #: at a width, inches
    header: tuple[str, ...]  #: of the numbers behind it
    rows: Callable[[], Iterable[Sequence[Any]]]


@dataclass(frozen=True)
class Absent:
    """A figure that is not there, and why."""

    name: str
    title: str
    reason: str


def absent(content: ReportContent, name: str, title: str, reason: str) -> Absent:
    """Return a figure that is not there: for the content's own reason, if it gives one."""
    return Absent(name, title, content.reasons.get(name, reason))


def chosen(plates: Sequence[Plate | Absent], only: Sequence[str]) -> list[Plate | Absent]:
    """Return the plates asked for by name; "fig4" takes 4a, 4b and so on, nothing takes all.

    Raises
    ------
    NanochartError
        There is no figure of such a name.
    """
    if not only:
        return list(plates)
    taken: list[Plate | Absent] = []
    for word in only:
        pattern = re.compile(re.escape(word) + r"(?![0-9])")
        found = [plate for plate in plates if pattern.match(plate.name)]
        if not found:
            names = ", ".join(plate.name for plate in plates)
            raise NanochartError(f"there is no figure {word!r}; there are {names}")
        taken += [plate for plate in found if plate not in taken]
    return taken


def check_formats(formats: Sequence[str]) -> None:
    """Refuse formats that figures do not come in."""
    for one in formats:
        if one not in FORMATS:
            raise NanochartError(f"figures come as {', '.join(FORMATS)}, not {one!r}")


def write_plates(
    plates: Sequence[Plate | Absent],
    folder: Path,
    *,
    formats: Sequence[str] = ("pdf",),
    progress: Progress = silent,
) -> list[dict[str, str]]:
    """Write figures and the numbers behind them, and return what became of each.

    Parameters
    ----------
    plates
        The figures. Of each ``NAME.csv``, ``NAME.FORMAT`` for two columns of a journal, and
        ``NAME-column.FORMAT`` for one are written.
    folder
        Made if it is not there; what it holds under the same names is replaced.
    formats
        Of ``FORMATS``.
    progress
        Called after every figure.

    Raises
    ------
    NanochartError
        A format is unknown, or the folder cannot be made or written to.
    """
    check_formats(formats)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NanochartError(f"{folder}: cannot be made ({error.strerror})") from None
    told = []
    for done, plate in enumerate(plates, 1):
        if isinstance(plate, Absent):
            told.append({"figure": plate.name, "shows": plate.title, "absent": plate.reason})
        else:
            write_csv(folder / f"{plate.name}.csv", plate.header, plate.rows())
            for width, ending in ((WIDE, ""), (NARROW, "-column")):
                figure = plate.draw(width)
                for one in formats:
                    save(figure, folder / f"{plate.name}{ending}.{one}")
            told.append({"figure": plate.name, "shows": plate.title, "absent": ""})
        progress(done, len(plates))
    return told


def save(figure: Figure, path: Path, *, dpi: float | None = None) -> None:
    """Write a figure, atomically, in the format that the file's name ends with.

    The same figure gives the same bytes. PNGs are white, the others transparent.
    """
    FigureCanvasAgg(figure)
    kind = path.suffix[1:]
    # What would differ from one writing to the next.
    metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind)
    options: dict[str, Any] = {} if dpi is None else {"dpi": dpi}
    if kind == "png":
        options["facecolor"] = "white"
    with style(), replacing(path) as temporary:
        figure.savefig(temporary, format=kind, metadata=metadata, **options)
