"""Frames of MD on a chart, one at a time: rows as `nanochart project` writes them.

A frame's row depends on the frame alone, not on those placed beside it, so a table that is taken
up again goes on with the same bits.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nanochart.dynamics.projection import project_positions
from nanochart.errors import NanochartError
from nanochart.sampling.potentials import Potential
from nanochart.sampling.quench import QuenchSettings, local_minimum
from nanochart.workflow.projection_table import TOLD, as_csv, told_columns

if TYPE_CHECKING:
    from nanochart.chart.chart import Chart

Array = NDArray[np.float64]


@dataclass(eq=False)
class Placer:
    """A chart that takes frames of MD.

    Parameters
    ----------
    chart
        Of minima or of hot configurations.
    potential
        By which frames are quenched; None takes them hot, for a chart of such.

    Attributes
    ----------
    seconds, frames
        What placing took so far, and of how many; the first, which also compiles, not timed.
    """

    chart: Chart
    potential: Potential | None
    settings: QuenchSettings = field(default_factory=QuenchSettings)
    seconds: float = 0.0
    frames: int = 0

    @property
    def header(self) -> tuple[str, ...]:
        """The head of the table."""
        cvs = (f"cv{k + 1}" for k in range(self.chart.model.n_cvs))
        return ("file", "frame", *cvs, *TOLD)

    def row(self, positions: Array, name: str, frame: int, time_ps: float) -> str:
        """Return the row of a frame (n_atoms, 3) Å, with its end of line."""
        begun = time.perf_counter()
        converged, energy = True, np.nan
        if self.potential is not None:
            found = local_minimum(positions, self.potential, self.settings)
            positions, converged, energy = found.positions, found.converged, found.energy
        one = project_positions(
            self.chart,
            positions[np.newaxis],
            np.array([converged]),
            np.array([energy]),
            potential=None,
        )
        columns: dict[str, Any] = {"file": [name], "frame": np.array([frame])}
        columns |= told_columns(one, np.array([converged]), np.array([time_ps]))
        if self.frames:
            self.seconds += time.perf_counter() - begun
        self.frames += 1
        return as_csv(columns)

    @property
    def cost(self) -> dict[str, Any]:
        """What placing took, for a summary."""
        timed = self.frames - 1
        cost = {"ms_per_placed_frame": round(1e3 * self.seconds / timed, 2)} if timed > 0 else {}
        return {
            "placed_frames": self.frames,
            "placed": "as they are, hot" if self.potential is None else "quenched",
            **cost,
        }


def placer(chart_path: Path, potential: Potential, n_atoms: int) -> tuple[Placer, str]:
    """Return what places frames of a cluster on a chart, and the checksum of the chart's file.

    Parameters
    ----------
    chart_path
        Chart, run folder, or name of a shipped chart.
    potential
        Of the frames: quenches them, unless the chart takes hot ones.
    n_atoms
        Of the frames.

    Raises
    ------
    NanochartError
        There is no such chart, or it is of another cluster.
    """
    from nanochart.chart.chart import QUENCHED, load_chart, shipped_charts

    path = chart_path / "chart.safetensors" if chart_path.is_dir() else chart_path
    chart = load_chart(path)
    chart.check_cluster(n_atoms, potential.species)
    file = path if path.exists() else shipped_charts()[str(path)]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return Placer(chart, potential if chart.mode == QUENCHED else None), digest


class PlacedTable:
    """A table of placed frames, to append to; taken up at the last row that counts.

    Parameters
    ----------
    path
        Made if it is not there.
    header
        Of the table.
    keep
        How many rows count at most; those behind, and a row cut short, are cut off.

    Raises
    ------
    NanochartError
        The file is another table.
    """

    def __init__(self, path: Path, header: Sequence[str], *, keep: int) -> None:
        self._path, head = path, ",".join(header) + "\n"
        self._file = path.open("r+b" if path.exists() else "w+b")
        found = self._file.readline()
        self.rows = 0
        self.last: str | None = None  #: the last row that counts
        if found.endswith(b"\n") and found.decode(errors="replace") != head:
            self._file.close()
            raise NanochartError(
                f"{path}: is another table; move it away to begin one of this chart"
            )
        end = len(found)
        if not found.endswith(b"\n"):
            self._file.seek(0)
            self._file.write(head.encode())
            end = len(head)
        else:
            while self.rows < keep and (line := self._file.readline()).endswith(b"\n"):
                self.rows += 1
                self.last = line.decode()
                end += len(line)
        self._file.truncate(end)
        self._file.seek(0, os.SEEK_END)

    def append(self, rows: Sequence[str]) -> None:
        """Append rows; on return they are on the disk."""
        self._file.write("".join(rows).encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        self.rows += len(rows)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
