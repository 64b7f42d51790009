"""A trajectory on the disk: DCD frames, a table of energies, and a record to go on from.

Frames and rows have fixed sizes and are appended; the record (``OUTPUT.json``: settings, how many
frames count, and the state to go on from) is replaced last. So a run killed anywhere, or asked for
more time, goes on from its record, and what lies behind the frames that count is cut off.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.dcd import DcdWriter
from nanochart.dynamics.md import Frames, MdSettings, MdState
from nanochart.errors import NanochartError
from nanochart.files import write_text

Array = NDArray[np.float64]

FORMAT_VERSION = 1
_HEADER = b"frame,time_ps,energy_eV,temperature_K\n"
#: Padded, so that all rows have one length, and CSV to every reader.
_ROW = "{:10d},{:16.6f},{:18.8f},{:14.6f}\n"


@dataclass(frozen=True)
class Record:
    """What ``OUTPUT.json`` holds: settings, frames that count, who computed them, and the state.

    ``more`` is what a kind of run adds: anything JSON can hold.
    """

    settings: dict[str, Any]
    frames: int
    state: MdState
    computed_by: list[dict[str, Any]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)


class Rows:
    """A table of rows of one length, appended to; what lies behind the rows that count is cut off.

    Parameters
    ----------
    path
        Made anew where no rows count.
    header
        What comes before the first row.
    length
        Bytes of a row.
    n_rows
        How many count.
    """

    def __init__(self, path: Path, header: bytes, length: int, n_rows: int) -> None:
        end = len(header) + n_rows * length
        if n_rows and (not path.exists() or path.stat().st_size < end):
            raise NanochartError(f"{path}: is cut short or gone; restore it, or --overwrite all")
        self._file = path.open("r+b" if n_rows else "wb")
        self._file.truncate(end if n_rows else 0)
        self._file.seek(0, os.SEEK_END)
        if not n_rows:
            self._file.write(header)

    def append(self, rows: bytes) -> None:
        """Append rows; on return they are on the disk."""
        self._file.write(rows)
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class TrajectoryFiles:
    """Trajectory and table, open at the frame that a record goes on from."""

    def __init__(self, output: Path, record: Record, settings: MdSettings) -> None:
        self._interval = settings.interval
        self._trajectory = DcdWriter(
            output,
            n_atoms=len(record.state.positions),
            n_frames=record.frames,
            timestep=settings.timestep,
            steps_per_frame=settings.steps_per_frame,
        )
        length = len(_ROW.format(0, 0.0, 0.0, 0.0))
        self._table = Rows(beside(output, ".csv"), _HEADER, length, record.frames)

    def append(self, frames: Frames) -> None:
        """Append frames and their rows; on return they are on the disk."""
        self._trajectory.append(frames.positions)
        columns = zip(frames.energies, frames.temperatures, strict=True)
        rows = (
            _ROW.format(i, (i + 1) * self._interval, energy, kelvin)
            for i, (energy, kelvin) in enumerate(columns, start=frames.first)
        )
        self._table.append("".join(rows).encode())

    def __enter__(self) -> TrajectoryFiles:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close both files."""
        self._trajectory.close()
        self._table.close()


def write_record(output: Path, record: Record) -> None:
    """Replace the record beside a trajectory: from now on its frames count."""
    content = {
        "format": "nanochart trajectory",
        "format_version": FORMAT_VERSION,
        "frames": record.frames,
        "settings": record.settings,
        "computed_by": record.computed_by,
        "state": {
            "block": record.state.block,
            "positions": _as_text(record.state.positions),
            "velocities": _as_text(record.state.velocities),
        },
        **({"more": record.more} if record.more else {}),
    }
    write_text(beside(output, ".json"), json.dumps(content, indent=1) + "\n")


def read_record(
    output: Path, identity: dict[str, Any], *, tables: Sequence[str] = (".csv",)
) -> Record | None:
    """Return the record of a run to go on with, None where there is nothing yet, or refuse.

    ``tables`` are the suffixes of what is written beside the trajectory.
    """
    path = beside(output, ".json")
    if not path.exists():
        for file in (output, *(beside(output, suffix) for suffix in tables)):
            if file.exists() and file.stat().st_size:
                raise NanochartError(
                    f"{file}: is there already, without the record ({path.name}) to go on from; "
                    "give another --output, or --overwrite"
                )
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content["format_version"]
        if version != FORMAT_VERSION:
            raise NanochartError(
                f"{path}: has format version {version}, this nanochart reads {FORMAT_VERSION}; "
                "update nanochart, or --overwrite"
            )
        settings, state = content["settings"], content["state"]
        record = Record(
            settings,
            int(content["frames"]),
            MdState(
                _as_array(state["positions"], settings["n_atoms"]),
                _as_array(state["velocities"], settings["n_atoms"]),
                int(state["block"]),
            ),
            content["computed_by"],
            content.get("more", {}),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise NanochartError(
            f"{path}: is no record of a run, or is damaged ({error}); restore it, or --overwrite"
        ) from None
    changed = [
        f"{name} {settings.get(name)} instead of {wanted}"
        for name, wanted in identity.items()
        if settings.get(name) != wanted
    ]
    if changed:
        raise NanochartError(
            f"{output}: holds {record.frames:,} frames of another run ({', '.join(changed)}); "
            "give another --output, or --overwrite"
        )
    return record


def _as_text(array: Array) -> str:
    return base64.b64encode(array.astype("<f8").tobytes()).decode()


def _as_array(text: str, n_atoms: int) -> Array:
    """Return the array (n_atoms, 3) that :func:`_as_text` wrote, to the same bits."""
    return np.frombuffer(base64.b64decode(text), "<f8").reshape(n_atoms, 3).astype(np.float64)


def beside(output: Path, suffix: str) -> Path:
    """Return the file of the same name as a trajectory, and ``suffix``."""
    return output.with_name(output.name + suffix)


@contextmanager
def alone(output: Path) -> Iterator[None]:
    """Hold the trajectory for one process; turn what a full disk raises into one line."""
    try:
        with output.open("ab") as lock:
            try:
                # The kernel lets go of it when the process ends, however it ends.
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise NanochartError(f"{output}: another nanochart is at work on it") from None
            yield
    except OSError as error:
        raise NanochartError(
            f"{output}: cannot be written ({error.strerror or error}); free some space or choose "
            "another folder, then run the same command again"
        ) from error
