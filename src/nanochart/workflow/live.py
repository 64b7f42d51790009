"""The CVs of MD while it runs: a table beside the trajectory, always told from its file.

Rows are made of the frames as they are on the disk (float32), so the table is the same whether the
run was watched, killed and taken up, or put on the chart only afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nanochart.dcd import open_dcd
from nanochart.errors import NanochartError
from nanochart.sampling.potentials import Potential
from nanochart.workflow.placing import PlacedTable, Placer, placer
from nanochart.workflow.trajectory import Record, beside, write_record

#: Frames read and placed before their rows are written: half a second's work.
_ROWS = 64


@dataclass(eq=False)
class Live:
    """A trajectory that is put on a chart while it grows.

    Parameters
    ----------
    placer
        Puts frames on the chart.
    identity
        All that the rows depend on besides the frames.
    every
        Of the frames, the ``every``-th, the 2 ``every``-th … are in the table.
    """

    placer: Placer
    identity: dict[str, Any]
    every: int
    _output: Path = Path()
    _interval: float = 0.0
    _table: PlacedTable | None = None

    @classmethod
    def of(cls, chart: Path, potential: Potential, n_atoms: int, every: int) -> Live:
        """Return it for a chart and a cluster, or raise what does not fit."""
        if every < 1:
            raise NanochartError(f"--chart-every: {every} must be at least 1")
        made, digest = placer(chart, potential, n_atoms)
        quenched = None if made.potential is None else potential.name
        return cls(made, {"chart": digest, "every": every, "quenched": quenched}, every)

    def open(self, output: Path, record: Record, interval: float) -> Record:
        """Open the table beside a trajectory at its last good row; return the record with it.

        Raises
        ------
        NanochartError
            The table is of another chart, or of other frames.
        """
        path = beside(output, ".cvs.csv")
        if path.exists() and path.stat().st_size and record.more.get("placed") != self.identity:
            raise NanochartError(
                f"{path}: tells of another chart, or of other frames; move it away, and the frames "
                "that are there are put on this one"
            )
        self._output, self._interval = output, interval
        record = replace(record, more={**record.more, "placed": self.identity})
        # Before the first row: a table never stands without what it is of.
        write_record(output, record)
        self._table = PlacedTable(path, self.placer.header, keep=record.frames // self.every)
        return record

    def catch_up(self, n_frames: int) -> dict[str, float]:
        """Put what is missing of a trajectory's first frames on the chart; return the last's place.

        Frames are read from the file: they must be there.
        """
        assert self._table is not None
        name, last = str(self._output), {}
        while (left := n_frames // self.every - self._table.rows) > 0:
            rows = []
            for k in range(self._table.rows, self._table.rows + min(left, _ROWS)):
                frame = (k + 1) * self.every - 1
                (positions,) = open_dcd(self._output).frames(frame, frame + 1)
                moment = (frame + 1) * self._interval
                rows.append(self.placer.row(positions[0].astype(np.float64), name, frame, moment))
            self._table.append(rows)
            cells = rows[-1].split(",")
            # The name may hold commas: count from the end.
            last = {"family": float(cells[-7])}
        return last

    def close(self) -> None:
        """Close the table."""
        if self._table is not None:
            self._table.close()

    @property
    def summary(self) -> dict[str, Any]:
        """What became of it."""
        return {"cvs": str(beside(self._output, ".cvs.csv")), **self.placer.cost}
