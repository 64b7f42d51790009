"""The explorer in one file: all points, some structures of every family, no server.

Points and structures are packed, compressed and written as text into the page, which unpacks them
itself. Chart coordinates are stored in 65,535 steps of their range: far below a pixel.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.files import write_text
from nanochart.progress import Progress
from nanochart.show.explorer.answers import MOST_STRUCTURES, script_text, text_of
from nanochart.show.explorer.content import (
    ExplorerPoints,
    ExplorerStructures,
    StructureSource,
    columns_of,
    legend_of,
)
from nanochart.show.explorer.packing import packed

#: Bytes of the file: what a mail may carry.
LARGEST_FILE = 25_000_000
#: Structures of each family in the file: the nearest to its centre, and its lowest in energy.
PER_FAMILY = 4
_STEPS = 65535


def write_static_page(
    path: Path,
    source: StructureSource,
    progress: Progress,
    *,
    per_family: int = PER_FAMILY,
    largest: int = LARGEST_FILE,
) -> dict[str, Any]:
    """Write the page, whole or not at all, and return what is in it.

    Parameters
    ----------
    path
        The HTML file.
    source
        With its words told.
    progress
        Called as structures are gathered.
    per_family
        Structures of each family: the nearest to the centre, and the lowest in energy.
    largest
        Bytes the file may have.

    Raises
    ------
    NanochartError
        The file would be larger, or cannot be written.
    """
    points = source.points()
    chosen = representatives(points, per_family)
    data = _data(source, points, chosen, progress)
    text = _page(base64.b64encode(gzip.compress(data, 6, mtime=0)).decode())
    if len(text) > largest:
        raise NanochartError(
            f"{path}: would have {len(text) / 1e6:.1f} MB, more than {largest / 1e6:.0f}: "
            f"{len(points):,} points are too many for one file; send the run folder, and open it "
            "with `nanochart explore`"
        )
    write_text(path, text)
    return {
        "points": len(points),
        "structures": len(chosen),
        "families": len(points.families),
        "megabytes": round(len(text) / 1e6, 2),
        "output": str(path),
    }


def representatives(points: ExplorerPoints, per_family: int) -> NDArray[np.int64]:
    """Return the points whose structures stand for their families, each once, ascending."""
    distinct = np.flatnonzero(points.stands_for == np.arange(len(points)))
    chosen: list[int] = []
    for family in points.families:
        members = distinct[points.family[distinct] == family.id]
        if not members.size:
            continue
        away = np.linalg.norm(points.cvs[members] - np.asarray(family.centre), axis=1)
        chosen += members[np.argsort(away, kind="stable")][: max(1, per_family - 1)].tolist()
        chosen.append(int(members[np.argmin(points.energy[members])]))
    return np.unique(np.array(chosen, dtype=np.int64))


def _data(
    source: StructureSource,
    points: ExplorerPoints,
    chosen: NDArray[np.int64],
    progress: Progress,
) -> bytes:
    """Return everything the page shows, packed."""
    columns = {f"points.{name}": values for name, values in columns_of(points).items()}
    cvs = columns.pop("points.cvs")
    low = cvs.min(axis=0, initial=np.inf) if len(cvs) else np.zeros(3)
    step = (cvs.max(axis=0) - low) / _STEPS if len(cvs) else np.ones(3)
    step = np.where(step > 0.0, step, 1.0)
    columns["points.cvs_steps"] = np.rint((cvs - low) / step).astype(np.uint16)
    parts = []
    for start in range(0, len(chosen), MOST_STRUCTURES):
        parts.append(source.structures(chosen[start : start + MOST_STRUCTURES]))
        progress(min(start + MOST_STRUCTURES, len(chosen)), len(chosen))
    columns |= _structure_columns(parts)
    counts = source.environment_counts()
    columns |= {f"counts.{name}": values for name, values in counts.items()}
    bands = [source.rdf_band(family.id) for family in points.families]
    columns["bands"] = np.array(bands, dtype=np.float32)
    words = source.words()
    columns["words"] = words.index.astype(np.int32)
    header = legend_of(points) | {
        "items": [dict(item) for part in parts for item in part.items],
        "cvs_scale": {"low": low.astype(float).tolist(), "step": step.astype(float).tolist()},
        "environment_names": list(counts),
        "texts": [list(text) for text in words.texts],
        "n_distinct": words.total,
    }
    return packed(header, columns)


def _structure_columns(parts: list[ExplorerStructures]) -> dict[str, NDArray[Any]]:
    """Return the columns of the structures in the file, positions to a thousandth of an Å."""
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("positions", "environment", "neighbours", "rdf", "view")
    }
    joined["positions"] = joined["positions"].round(3)
    return {f"structures.{name}": values for name, values in joined.items()}


def _page(data: str) -> str:
    """Return the page with styles, scripts and data inside; it may load nothing from elsewhere."""
    page, css = (text_of(name) for name in ("index.html", "explorer.css"))
    script = script_text()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    replaced = {
        "<!-- head -->": f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<link rel="stylesheet" href="explorer.css">': f"<style>\n{css}</style>",
        "<!-- data -->": f'<script id="data" type="text/plain">{data}</script>',
        "<!-- scripts -->": f"<script>{script}</script>",
    }
    for marker, content in replaced.items():
        assert page.count(marker) == 1, marker
        page = page.replace(marker, content)
    return page
