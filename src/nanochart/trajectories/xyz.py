"""xyz and extended xyz: a number, a line of comment, a line for each atom.

https://github.com/libAtoms/extxyz
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nanochart.trajectories.frames import Array
from nanochart.trajectories.lines import SKIPPED, WORD
from nanochart.trajectories.text import Head, Malformed, line_at

_PROPERTIES = re.compile(rb'Properties="?([^\s"]+)"?', re.IGNORECASE)
_LATTICE = re.compile(rb'Lattice="([^"]*)"', re.IGNORECASE)
_PERIODIC = re.compile(rb'pbc="([^"]*)"', re.IGNORECASE)
_STEP = re.compile(rb"Timestep: *(\d+)")
_WHITE = b"(?:^|\\s)"
_TIME = re.compile(_WHITE + rb"time_ps=([^\s]+)")
_ENERGY = re.compile(_WHITE + rb"energy=([^\s]+)")
_FAILED = re.compile(_WHITE + rb"converged=(?:F|False)\b")
#: Columns that hold the word for the element, or the type.
_WORDS = {b"species", b"element", b"elements", b"symbols"}
_PLAIN = np.array([WORD, 0, 1, 2])
_NAMES = ("x", "y", "z")


@dataclass
class Xyz:
    """The format; ``timestep`` fs makes the steps that LAMMPS writes into times."""

    timestep: float | None = None
    name: str = "xyz file"
    _layouts: dict[bytes, NDArray[np.int64]] = field(default_factory=dict)

    def head(self, text: bytes, at: int) -> Head:
        """Return the head that begins at a place."""
        line, at = line_at(text, at)
        while not line.strip():  # empty lines between frames
            line, at = line_at(text, at)
        try:
            n_atoms = int(line)
        except ValueError:
            raise Malformed(
                f"{line[:40].decode('ascii', 'replace')!r} where a number of atoms should be"
            ) from None
        comment, at = line_at(text, at)
        if b"=" not in comment:
            time, step = np.nan, _STEP.search(comment)
            if step and self.timestep is not None:
                time = float(step[1]) * self.timestep * 1e-3
            return Head(n_atoms, _PLAIN, _NAMES, at, time=time)
        properties, lattice = _PROPERTIES.search(comment), _LATTICE.search(comment)
        cell = periodic = None
        if lattice:
            cell = _numbers(lattice[1], 9).reshape(3, 3)
            said = _PERIODIC.search(comment)
            if said:
                periodic = np.array([word in (b"T", b"1", b"True") for word in said[1].split()])
                if periodic.shape != (3,):
                    raise Malformed("its pbc are not three letters")
        return Head(
            n_atoms,
            self._layout(properties[1]) if properties else _PLAIN,
            _NAMES,
            at,
            cell=cell,
            periodic=periodic,
            time=_number(_TIME.search(comment)),
            energy=_number(_ENERGY.search(comment)),
            failed=_FAILED.search(comment) is not None,
        )

    def _layout(self, properties: bytes) -> NDArray[np.int64]:
        """Return which columns are read, as what."""
        if properties not in self._layouts:
            words, columns = properties.split(b":"), []
            for name, kind, width in zip(words[::3], words[1::3], words[2::3], strict=False):
                n = int(width) if width.isdigit() else 0
                if name in (b"pos", b"positions") and n == 3:
                    columns += [0, 1, 2]
                elif name in _WORDS and kind == b"S" and n == 1:
                    columns += [WORD]
                else:
                    columns += [SKIPPED] * n
            if columns.count(0) != 1:
                raise Malformed("its Properties tell of no positions (pos:R:3)")
            self._layouts[properties] = np.array(columns, dtype=np.int64)
        return self._layouts[properties]

    def positions(
        self, values: Array, words: NDArray[np.int64], heads: list[Head]
    ) -> tuple[Array, NDArray[np.int64]]:
        """Return positions in Å and words."""
        del heads
        return values, words


def _number(found: re.Match[bytes] | None) -> float:
    return float(_numbers(found[1], 1)[0]) if found else float("nan")


def _numbers(text: bytes, n: int) -> Array:
    try:
        numbers = np.array([float(word) for word in text.split()])
    except ValueError:
        numbers = np.empty(0)
    if len(numbers) != n:
        raise Malformed(f"{text[:40].decode('ascii', 'replace')!r} is not {n} numbers")
    return numbers
