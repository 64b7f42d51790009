"""Where the single verbs take structures from: files of any kind, a landscape, a run folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.formats import Block, in_formula_order, read_structures
from nanochart.landscape import is_landscape, open_landscape


class Source:
    """The structures of some files or of a landscape, and how many bad frames were skipped."""

    def __init__(
        self,
        files: Sequence[Path],
        *,
        species: str | None,
        n_atoms: int | None,
        skip_bad: bool,
        alloys: bool = False,
    ) -> None:
        self._files = files
        self._options: dict[str, Any] = {
            "species": species,
            "skip_bad": skip_bad,
            "alloys": alloys,
        }
        self._n_atoms = n_atoms
        self.skipped = 0

    def __iter__(self) -> Iterator[tuple[Path, Block]]:
        n_atoms = self._n_atoms
        for path in self._files:
            for block in self._blocks(path, n_atoms):
                self.skipped += block.skipped
                if len(block.frames):
                    n_atoms = block.positions.shape[1]
                    yield path, block

    def _blocks(self, path: Path, n_atoms: int | None) -> Iterator[Block]:
        if path.is_dir() or is_landscape(path):
            yield from _landscape_blocks(path)
        else:
            yield from read_structures(path, n_atoms=n_atoms, **self._options)

    def all_positions(self) -> tuple[NDArray[np.float64], str]:
        """Return everything as one array (n_structures, n_atoms, 3), and the species.

        The atoms of an alloy are in the order of its formula.
        """
        blocks = [in_formula_order(block) for _, block in self]
        if not blocks:
            raise NanochartError(f"{self._files[0]}: holds no usable structure")
        return np.concatenate([block.positions for block in blocks]), blocks[0].species


def _landscape_blocks(path: Path) -> Iterator[Block]:
    """Yield the unique minima of a landscape."""
    landscape = open_landscape(path)
    quenched, unique = landscape["quenched"], landscape["unique"]
    for start, stop in unique.blocks(512):
        rows = unique.read("snapshot", start, stop)
        positions = quenched.read_rows("positions", rows).astype(np.float64)
        yield Block(positions, rows, landscape.symbols, 0)


def check_output(path: Path) -> None:
    """Refuse an output that cannot be written, before any work is done."""
    if not path.absolute().parent.is_dir():
        raise NanochartError(f"{path}: its folder does not exist; make it first")
