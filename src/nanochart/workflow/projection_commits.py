"""The table of a projection, open at its end, and the record that says how much of it counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from nanochart.dynamics.projection import Projected
from nanochart.trajectories.frames import Place
from nanochart.trajectories.selection import CLUSTERS
from nanochart.workflow.projection_reading import Chunk, Reading
from nanochart.workflow.projection_record import FileRecord, Point, Record, write_record
from nanochart.workflow.projection_table import Columns, open_table, told_columns


class Commits:
    """The table, open at its end, and the record that says how much of it counts."""

    def __init__(
        self,
        output: Path,
        reading: Reading,
        record: Record,
        start: tuple[int, Point],
        *,
        unit: int,
    ) -> None:
        self._output, self._reading, self._record = output, reading, record
        self._unit, self._blocks = unit, 0
        self._points = {start[0]: start[1]}  # where to go on in each file
        self._counts = Counter(start[1].counts)
        self._table = open_table(output, start[1].end)
        # Rows may come to the disk before the first commit: they are known not to count.
        write_record(output, record)

    def add(self, chunk: Chunk, projected: Projected | None) -> None:
        """Append the rows of a chunk; commit at the end of a unit, and of a file."""
        self._points.setdefault(chunk.file, self._start_of_file())
        self._counts.update(chunk.counts)
        if projected is not None:
            self._table.append(columns_of(self._reading, chunk, projected))
            self._counts.update(
                {
                    "outside": int((~projected.points.inside).sum()),
                    "failed quenches": int((~chunk.converged).sum()),
                    "evaporated": int((chunk.evaporated > 0).sum()),
                }
            )
        self._blocks += 1
        whole = chunk.full and self._blocks >= self._unit
        if whole or chunk.last_of_file:
            self._commit(chunk, whole=whole)
            self._blocks = 0

    def _start_of_file(self) -> Point:
        first = self._reading.settings.first
        record = self._record
        return Point(first, Place(), record.end, dict(self._counts), record.latest)

    def _commit(self, chunk: Chunk, *, whole: bool) -> None:
        """Bring rows to the disk and replace the record; a ``whole`` unit is a place to go on."""
        end, i = self._table.flush(), chunk.file
        counts = {name: n for name, n in self._counts.items() if n}
        if whole:
            self._points[i] = Point(chunk.next_frame, chunk.place, end, counts, chunk.latest)
        reading, record = self._reading, self._record
        record.files[i:] = [
            FileRecord(
                str(reading.files[i]),
                reading.trajectories[i].extent,
                reading.settings.last,
                reading.first_frames[i],
                self._points[i],
            )
        ]
        record.end, record.counts, record.latest = end, counts, chunk.latest
        write_record(self._output, record)

    def figures(self) -> dict[str, float]:
        """Return what is counted, for the progress."""
        return {"outside": self._counts["outside"]}

    def finish(self) -> None:
        """Say that everything there was is done."""
        self._record.finished = True
        write_record(self._output, self._record)

    def close(self) -> None:
        """Close the table."""
        self._table.close()


def columns_of(reading: Reading, chunk: Chunk, projected: Projected) -> Columns:
    """Return the rows of a chunk."""
    path = str(reading.files[chunk.file])
    columns: dict[str, Any] = {"file": [path] * len(chunk.numbers), "frame": chunk.numbers}
    columns |= told_columns(projected, chunk.converged, chunk.times)
    columns["evaporated"] = chunk.evaporated
    if reading.selection.pieces == CLUSTERS:
        columns["cluster"] = chunk.cluster
    if reading.settings.words:
        columns |= {"name": projected.names, "sentence": projected.sentences}
    return columns
