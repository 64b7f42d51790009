"""What a projection goes on from: ``OUTPUT.json``, replaced after every commit.

It holds the settings, and of every trajectory how much there was of it and the place behind the
last full unit of blocks. What was done after that place is done again when the trajectory has
grown: so a table that grew with it is, byte for byte, the table of one go.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nanochart.errors import NanochartError
from nanochart.files import write_text
from nanochart.trajectories.frames import Frames, Place
from nanochart.workflow.projection_table import End
from nanochart.workflow.trajectory import beside

FORMAT_VERSION = 1
_FORMAT = "nanochart projection"


@dataclass(frozen=True)
class Point:
    """A point to go on from: in a trajectory, in the table, and what was counted up to there.

    ``next_frame``: the first frame not yet projected; ``place``: one not behind it; ``latest``:
    the latest time up to there, ps.
    """

    next_frame: int
    place: Place
    end: End
    counts: dict[str, int]
    latest: float | None = None


@dataclass
class FileRecord:
    """One trajectory: its ``extent`` when it was read last, up to which frame it was asked for
    (None: its end), its first frame, and where to go on.
    """

    path: str
    extent: int
    last: int | None
    first_frame: str
    point: Point


@dataclass
class Record:
    """All of it. ``end``, ``counts`` and ``latest`` are those of the whole table.

    ``distilled``: how far the distilled encoder was from the chart's own, if it was used.
    """

    settings: dict[str, Any]
    quench: bool
    files: list[FileRecord] = field(default_factory=list)
    end: End = field(default_factory=End)
    counts: dict[str, int] = field(default_factory=dict)
    latest: float | None = None
    finished: bool = False
    distilled: dict[str, Any] | None = None


def digest_of(frames: Frames) -> str:
    """Return what tells a first frame from another."""
    return hashlib.sha256(frames.positions[0].tobytes()).hexdigest()[:16]


def write_record(output: Path, record: Record) -> None:
    """Replace the record: from now on its rows count."""
    content = {"format": _FORMAT, "format_version": FORMAT_VERSION, **asdict(record)}
    write_text(beside(output, ".json"), json.dumps(content, indent=1) + "\n")


def read_record(output: Path, settings: dict[str, Any]) -> Record | None:
    """Return the record to go on from, None where there is nothing yet, or refuse.

    Parameters
    ----------
    output
        The table.
    settings
        What its rows depend on.

    Raises
    ------
    NanochartError
        The output holds something else, or rows of other settings.
    """
    path = beside(output, ".json")
    if not path.exists():
        if output.exists() and (output.is_dir() or output.stat().st_size):
            raise NanochartError(
                f"{output}: is there already, without the record ({path.name}) to go on from; "
                "give another --output, or --overwrite"
            )
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise NanochartError(
                f"{path}: is the record of something else ({content['format']}); give another "
                "--output"
            )
        if content["format_version"] != FORMAT_VERSION:
            raise NanochartError(
                f"{path}: has format version {content['format_version']}, this nanochart reads "
                f"{FORMAT_VERSION}; update nanochart, or --overwrite"
            )
        record = Record(
            content["settings"],
            bool(content["quench"]),
            [
                FileRecord(
                    one["path"],
                    one["extent"],
                    one["last"],
                    one["first_frame"],
                    _point(one["point"]),
                )
                for one in content["files"]
            ],
            End(*content["end"]),
            dict(content["counts"]),
            content["latest"],
            bool(content["finished"]),
            content.get("distilled"),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise NanochartError(
            f"{path}: is no record of a projection, or is damaged ({error}); restore it, or "
            "--overwrite"
        ) from None
    changed = [
        f"{name} {record.settings.get(name)} instead of {wanted}"
        for name, wanted in settings.items()
        if record.settings.get(name) != wanted
    ]
    if changed:
        raise NanochartError(
            f"{output}: holds {record.end.rows:,} rows of another projection "
            f"({', '.join(changed)}); give another --output, or --overwrite"
        )
    return record


def _point(stored: dict[str, Any]) -> Point:
    return Point(
        int(stored["next_frame"]),
        Place(*stored["place"]),
        End(*stored["end"]),
        dict(stored["counts"]),
        stored["latest"],
    )
