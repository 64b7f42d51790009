"""LAMMPS dumps as text: atoms in any order, wrapped, scaled or unwrapped, in any cell.

https://docs.lammps.org/dump.html
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nanochart.trajectories.frames import Array
from nanochart.trajectories.lines import SKIPPED, WORD
from nanochart.trajectories.text import Head, Malformed, line_at

#: What every frame begins with, or with its units or time.
STARTS = (b"ITEM: TIMESTEP", b"ITEM: UNITS", b"ITEM: TIME")
#: How coordinates may be given, the best first; whether as shares of the cell; whether wrapped.
_COORDINATES = (
    (("xu", "yu", "zu"), False, False),
    (("xsu", "ysu", "zsu"), True, False),
    (("x", "y", "z"), False, True),
    (("xs", "ys", "zs"), True, True),
)
_IMAGES = ("ix", "iy", "iz")
#: ps in a unit of time of LAMMPS' styles of units.
_PICOSECONDS = {b"metal": 1.0, b"real": 1e-3, b"micro": 1e6, b"nano": 1e3}


@dataclass
class Dump:
    """The format; ``timestep`` fs makes steps into times where a dump has none."""

    timestep: float | None = None
    name: str = "LAMMPS dump"
    _layouts: dict[bytes, tuple[NDArray[np.int64], tuple[str, ...]]] = field(default_factory=dict)

    def head(self, text: bytes, at: int) -> Head:
        """Return the head that begins at a place."""
        n_atoms, step, units, time = -1, np.nan, b"metal", np.nan
        cell = origin = periodic = None
        while True:
            line, at = line_at(text, at)
            if not line.startswith(b"ITEM: "):
                if line.strip() or n_atoms >= 0:
                    raise Malformed(
                        f"{line[:40].decode('ascii', 'replace')!r} where ITEM should be"
                    )
                continue  # an empty line between frames
            item = line[6:]
            if item.startswith(b"ATOMS"):
                break
            if item.startswith(b"BOX BOUNDS"):
                cell, origin, periodic, at = _box(item, text, at)
                continue
            line, at = line_at(text, at)
            try:
                if item.startswith(b"NUMBER OF ATOMS"):
                    n_atoms = int(line)
                elif item == b"TIMESTEP":
                    step = float(line)
                elif item == b"TIME":
                    time = float(line)
                elif item == b"UNITS":
                    units = line.strip()
            except ValueError:
                raise Malformed(f"{line[:40]!r} is no number") from None
        if n_atoms < 0:
            raise Malformed("no number of atoms")
        if np.isfinite(time):
            time *= _PICOSECONDS.get(units, np.nan)
        elif self.timestep is not None:
            time = step * self.timestep * 1e-3
        columns, names = self._layout(item)
        return Head(n_atoms, columns, names, at, cell, origin, periodic, time)

    def _layout(self, item: bytes) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Return which columns are read, as what."""
        if item not in self._layouts:
            there = item.decode("ascii", "replace").split()[1:]
            wanted = [names for names, _, _ in _COORDINATES if set(names) <= set(there)][:1]
            if not wanted:
                raise Malformed("its atoms have no x y z, xu yu zu, xs ys zs or xsu ysu zsu")
            extra = [name for name in ("id", *_IMAGES) if name in there]
            names = (*wanted[0], *extra)
            word = "element" if "element" in there else "type"
            columns = [
                names.index(name) if name in names else WORD if name == word else SKIPPED
                for name in there
            ]
            self._layouts[item] = np.array(columns, dtype=np.int64), names
        return self._layouts[item]

    def positions(
        self, values: Array, words: NDArray[np.int64], heads: list[Head]
    ) -> tuple[Array, NDArray[np.int64]]:
        """Return positions in Å and words, atoms by their ids."""
        names = heads[0].names
        if "id" in names:
            order = np.argsort(values[:, :, names.index("id")], axis=1, kind="stable")
            values = np.take_along_axis(values, order[:, :, np.newaxis], axis=1)
            words = np.take_along_axis(words, order, axis=1)
        scaled, wrapped = next(rest for own, *rest in _COORDINATES if own == names[:3])
        positions = values[:, :, :3]
        turns = wrapped and set(_IMAGES) <= set(names)
        if scaled or turns:
            boxes = [head.cell for head in heads]
            vectors = np.stack([np.zeros((3, 3)) if box is None else box for box in boxes])
        if scaled:
            corners = [np.zeros(3) if head.origin is None else head.origin for head in heads]
            positions = positions @ vectors + np.stack(corners)[:, np.newaxis]
        if turns:
            images = values[:, :, [names.index(name) for name in _IMAGES]]
            positions = positions + images @ vectors
        return np.ascontiguousarray(positions), words


def _box(item: bytes, text: bytes, at: int) -> tuple[Array, Array, NDArray[np.bool_], int]:
    """Return cell vectors, corner, which directions are periodic, and the place behind the box."""
    rows = []
    for _ in range(3):
        line, at = line_at(text, at)
        rows.append(line.split())
    try:
        bounds = np.array(rows, dtype=np.float64)
    except ValueError:
        raise Malformed("the bounds of its box are no numbers") from None
    said = item.split()[2:]
    periodic = np.array([word == b"pp" for word in said[-3:]] if len(said) >= 3 else [True] * 3)
    if said[:2] == [b"abc", b"origin"]:
        return bounds[:, :3], bounds[:, 3], periodic, at
    low, high = bounds[:, 0].copy(), bounds[:, 1].copy()
    vectors = np.zeros((3, 3))
    if bounds.shape[1] == 3:
        xy, xz, yz = bounds[:, 2]
        tilts = (0.0, xy, xz, xy + xz)
        low[0], high[0] = low[0] - min(tilts), high[0] - max(tilts)
        low[1], high[1] = low[1] - min(0.0, yz), high[1] - max(0.0, yz)
        vectors[1, 0], vectors[2, 0], vectors[2, 1] = xy, xz, yz
    vectors[np.arange(3), np.arange(3)] = high - low
    return vectors, low, periodic, at
