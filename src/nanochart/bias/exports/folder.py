"""An export is a folder, written whole: beside its place first, then moved there.

``export.json`` in it lists the files and their checksums, so that an earlier export is replaced,
but nothing that somebody changed or added.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

import nanochart
from nanochart.bias.exports.subject import Subject, subject_of
from nanochart.bias.exports.targets import Target, target_of
from nanochart.chart.chart import Chart
from nanochart.errors import NanochartError

RECORD = "export.json"


def export_chart(
    chart: Chart, target: str, folder: str | os.PathLike[str], *, encoder: nn.Module | None = None
) -> dict[str, Any]:
    """Write a chart as files for another program: its function, an input, a README.

    Parameters
    ----------
    chart
        The chart.
    target
        One of `nanochart.bias.exports.targets.TARGETS`.
    folder
        To be made; an earlier export that nobody changed is replaced.
    encoder
        Instead of the chart's own: any module with ``encode``, scaled RDFs to CVs.

    Returns
    -------
    dict
        ``target``, ``program``, ``output`` and ``files``.

    Raises
    ------
    NanochartError
        There is no such target, a package is missing, the folder holds something else or cannot
        be written.
    """
    chosen = target_of(target)
    write = chosen.load()
    place = Path(folder).absolute()
    _refuse_other_content(place)
    subject = subject_of(chart, encoder)
    with _replacing_folder(place) as temporary:
        write(subject, temporary)
        (temporary / "README.md").write_text(_readme(chosen, subject), encoding="utf-8")
        files = {path.name: _digest(path) for path in sorted(temporary.iterdir())}
        record = {
            "target": chosen.name,
            "cluster": subject.name,
            "mode": subject.mode,
            "nanochart": nanochart.__version__,
            "torch": torch.__version__,
            "files": files,
        }
        (temporary / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return {
        "target": chosen.name,
        "program": chosen.program,
        "output": str(folder),
        "files": [*files, RECORD],
    }


def _readme(target: Target, subject: Subject) -> str:
    """Return the README of an export."""
    knows = (
        "The chart knows local minima: on hot MD its CVs may leave the range they were trained on."
        if subject.mode == "quenched"
        else "The chart knows thermal configurations."
    )
    notes = (
        f"{knows} Pairs beyond the RDF are not seen: add a wall on the radius of gyration. Written "
        f"by nanochart {nanochart.__version__} with torch {torch.__version__} (`nanochart export "
        f"--to {target.name}`); nanochart is not needed here."
    )
    return (
        f"# The CVs of {subject.name} for {target.program}\n\n"
        f"{target.readme.format(cell=subject.narrowest_cell)}\n"
        f"{textwrap.fill(notes, 98)}\n"
    )


def _refuse_other_content(place: Path) -> None:
    """Raise unless a folder can be made here, or holds an earlier export that nobody changed."""
    if not place.parent.is_dir():
        raise NanochartError(f"{place}: its folder does not exist; make it first")
    if not os.access(place.parent, os.W_OK):
        raise NanochartError(f"{place}: its folder cannot be written to; choose another one")
    if not place.exists():
        return
    remedy = "give another --output, or remove it"
    if not place.is_dir():
        raise NanochartError(f"{place}: is a file; an export is a folder: {remedy}")
    there = {path.name for path in place.iterdir()} - {RECORD}
    known = _known_files(place)
    foreign = sorted(name for name in there if name not in known)
    if foreign:
        raise NanochartError(f"{place}: holds {foreign[0]}, which is no export's: {remedy}")
    changed = sorted(name for name in there if _digest(place / name) != known[name])
    if changed:
        raise NanochartError(f"{place}: {changed[0]} was changed since its export: {remedy}")


def _known_files(place: Path) -> dict[str, str]:
    """Return the files of an earlier export and their checksums; none if there was none."""
    try:
        files = json.loads((place / RECORD).read_text(encoding="utf-8"))["files"]
        return {str(name): str(digest) for name, digest in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


@contextmanager
def _replacing_folder(place: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``place``; on success it takes its place."""
    temporary: Path | None = None
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
        temporary.chmod(0o755)
        yield temporary
        if place.exists():
            shutil.rmtree(place)
        temporary.rename(place)
    except OSError as error:
        raise NanochartError(
            f"{place}: cannot be written ({error.strerror or error}); free some space or choose "
            "another folder, then run the same command again"
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
