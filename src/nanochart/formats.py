"""Foreign files in and out: anything ASE reads, block by block; extended XYZ and CSV out.

A file is never held whole in memory. What is wrong with it is told with file and frame.
"""

from __future__ import annotations

import csv
import io
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import iread, write
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.files import replacing
from nanochart.positions import bad_frames, check_positions

#: Frames read at a time: some MB.
BLOCK = 512
#: The first line of every frame of a LAMMPS text dump.
_DUMP_START = "ITEM: TIMESTEP"


@dataclass(frozen=True)
class Block:
    """Some frames of a file.

    ``positions`` (n_frames, n_atoms, 3) Å; ``frames`` (n_frames,) their numbers in the file, from
    0; ``species`` the chemical symbol; ``skipped`` bad frames left out since the block before.
    """

    positions: NDArray[np.float64]
    frames: NDArray[np.int64]
    species: str
    skipped: int


def read_structures(
    path: str | os.PathLike[str],
    *,
    species: str | None = None,
    n_atoms: int | None = None,
    skip_bad: bool = False,
    block: int = BLOCK,
) -> Iterator[Block]:
    """Read a file of structures of one element and size, block by block.

    Parameters
    ----------
    path
        Any file ASE reads: xyz, extxyz, LAMMPS dump, .traj, POSCAR, … A cluster that lies across
        the faces of a periodic cell is put together again.
    species
        Chemical symbol of all atoms; for files that hold only types (LAMMPS dumps), or to check.
    n_atoms
        Size that every frame must have; by default that of the first.
    skip_bad
        Leave out frames with NaN, overlapping atoms or another size, and count them, instead of
        raising. A file cut off in its last frame then ends there.
    block
        Frames a block.

    Raises
    ------
    NanochartError
        The file is missing, empty, unreadable or cut off; or a frame is bad and may not be
        skipped. The message names file, frame and atom.
    """
    path = Path(path)
    if not path.is_file():
        raise NanochartError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise NanochartError(f"{path}: is empty")
    pending: list[tuple[int, NDArray[np.float64]]] = []
    symbol, size, skipped, n_read = species, n_atoms, 0, 0
    for frame, atoms in _frames(path, skip_bad):
        n_read = frame + 1
        if atoms is None:  # cut off here
            skipped += 1
            break
        if len(atoms):
            symbol = symbol or atoms.get_chemical_symbols()[0]
            size = size or len(atoms)
        if atoms.pbc.any() and atoms.cell.rank == 3 and np.isfinite(atoms.positions).all():
            atoms = _whole(atoms)
        problem = _problem(atoms, symbol, size, told=species is not None, path=path, frame=frame)
        if problem and not skip_bad:
            raise NanochartError(problem)
        if problem:
            skipped += 1
        else:
            pending.append((frame, atoms.get_positions()))
        if len(pending) == block:
            yield _block(pending, symbol or "X", skipped)
            pending, skipped = [], 0
    if n_read == 0:
        raise NanochartError(f"{path}: holds no frame")
    if pending or skipped:
        yield _block(pending, symbol or "X", skipped, size or 0)


def _frames(path: Path, skip_bad: bool) -> Iterator[tuple[int, Atoms | None]]:
    """Yield (number, frame); (number, None) last where the file breaks off and that may be."""
    frame = -1
    frames = _dump_frames(path) if _is_dump(path) else iread(path, index=":", parallel=False)
    while True:
        frame += 1
        try:
            atoms = next(frames)
        except StopIteration:
            return
        # ASE's readers raise whatever their parsing trips over.
        except Exception as error:
            if skip_bad and frame > 0:
                yield frame, None
                return
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise NanochartError(
                f"{path}: frame {frame} cannot be read ({reason}); the file is cut off or not of "
                "a format ASE knows"
            ) from None
        yield frame, atoms


def _is_dump(path: Path) -> bool:
    with path.open("rb") as file:
        return file.readline(64).rstrip() == _DUMP_START.encode()


def _dump_frames(path: Path) -> Iterator[Atoms]:
    """Yield a LAMMPS text dump frame by frame; ASE's own reader takes in the whole file."""
    with path.open(encoding="utf-8") as file:
        lines = [file.readline()]
        for line in itertools.chain(file, [_DUMP_START]):
            if line.rstrip() == _DUMP_START:
                yield from iread(io.StringIO("".join(lines)), ":", "lammps-dump-text")
                lines = []
            lines.append(line)


def _whole(atoms: Atoms) -> Atoms:
    """Return a cluster that lies across the faces of a periodic cell in one piece.

    Along each periodic direction the cell is cut open where it is emptiest.
    """
    fractions = atoms.get_scaled_positions(wrap=False)
    for axis in np.flatnonzero(atoms.pbc & (np.ptp(fractions, axis=0) > 0.5)):
        wrapped = fractions[:, axis] % 1.0
        places = np.sort(wrapped)
        gaps = np.diff(places, append=places[0] + 1.0)
        after_widest = places[(int(gaps.argmax()) + 1) % len(places)]
        fractions[:, axis] = (wrapped - after_widest) % 1.0
    whole: Atoms = atoms.copy()
    whole.set_scaled_positions(fractions)
    return whole


def _problem(
    atoms: Atoms, symbol: str | None, size: int | None, *, told: bool, path: Path, frame: int
) -> str | None:
    """Return what is wrong with a frame, if anything."""
    if len(atoms) < 2:
        return f"{path}: frame {frame} has {len(atoms)} atoms; a structure needs at least 2"
    if len(atoms) != size:
        return f"{path}: frame {frame} has {len(atoms)} atoms, expected {size}"
    found = set(atoms.get_chemical_symbols())
    # A LAMMPS dump without elements reads as H, He, …: then the symbol given is taken.
    only_types = found <= {"X", "H", "He", "Li"}
    if found != {symbol} and not (told and only_types):
        return (
            f"{path}: frame {frame} holds {', '.join(sorted(found))}, expected only {symbol}; "
            "if the file has types instead of elements, give --species"
        )
    if not atoms.info.get("converged", True):
        return f"{path}: frame {frame} is a quench that failed, no minimum"
    positions = atoms.get_positions()[None]
    if bad_frames(positions).any():
        try:
            check_positions(positions, where=str(path))
        except NanochartError as error:
            return f"{path}: frame {frame}" + str(error).removeprefix(f"{path}: frame 0")
    return None


def _block(
    pending: Sequence[tuple[int, NDArray[np.float64]]], symbol: str, skipped: int, size: int = 0
) -> Block:
    if not pending:
        return Block(np.empty((0, size, 3)), np.empty(0, dtype=np.int64), symbol, skipped)
    numbers, positions = zip(*pending, strict=True)
    return Block(np.stack(positions), np.array(numbers, dtype=np.int64), symbol, skipped)


def write_extxyz(
    path: str | os.PathLike[str],
    frames: Iterable[tuple[NDArray[np.float64], Mapping[str, Any]]],
    species: str,
) -> None:
    """Write structures as extended XYZ, atomically.

    Parameters
    ----------
    path
        The file.
    frames
        Pairs of positions (n_atoms, 3) in Å and what to write in the comment line.
    species
        Chemical symbol of all atoms.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for positions, info in frames:
            atoms = Atoms([species] * len(positions), positions=positions, info=dict(info))
            write(file, atoms, format="extxyz")


def write_csv(
    path: str | os.PathLike[str], header: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Write a table as CSV, atomically."""
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.writer(file)
        table.writerow(header)
        table.writerows(rows)
