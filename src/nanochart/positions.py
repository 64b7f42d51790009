"""What comes in at the door: arrays of positions, ASE Atoms or lists of them, checked once.

Every public entry turns its input into ``positions`` of shape (n_structures, n_atoms, 3) in Å
here, so that the rooms behind the door need not check again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from nanochart.errors import NanochartError

#: Two atoms closer than this (Å) are an error of the file, not a structure: no metal dimer,
#: however hot, comes near it.
OVERLAP_DISTANCE = 0.5

#: What public entries take.
Structures: TypeAlias = Any  # array (n, n_atoms, 3) or (n_atoms, 3), ase.Atoms, list of Atoms


def as_positions(
    structures: Structures, *, species: str | None = None, where: str = "input"
) -> tuple[NDArray[np.float64], str | None]:
    """Return positions and the chemical symbol of one or many structures.

    Parameters
    ----------
    structures
        Positions in Å, shape (n_structures, n_atoms, 3) or (n_atoms, 3); an ``ase.Atoms``; or a
        sequence of ``ase.Atoms`` of equal size.
    species
        Chemical symbol that the structures must have, or that bare arrays are said to have.
    where
        What to call the input in an error: a file name, usually.

    Returns
    -------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
    species : str or None
        The element, if it is known.

    Raises
    ------
    NanochartError
        Sizes differ between frames, coordinates are not finite, atoms overlap, the element
        is not the expected one.
    """
    symbols: str | None = species
    if hasattr(structures, "get_positions"):
        structures = [structures]
    if isinstance(structures, Sequence) and structures and hasattr(structures[0], "get_positions"):
        symbols = _common_species(structures, species, where)
        n_atoms = len(structures[0])
        for frame, atoms in enumerate(structures):
            if len(atoms) != n_atoms:
                raise NanochartError(
                    f"{where}: frame {frame} has {len(atoms)} atoms, frame 0 has {n_atoms}; "
                    "a chart needs structures of one size: split the file by size"
                )
        structures = np.stack([atoms.get_positions() for atoms in structures])
    try:
        positions = np.asarray(structures, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise NanochartError(
            f"{where}: expected positions of shape (n_structures, n_atoms, 3), ase.Atoms or a "
            f"list of them ({error})"
        ) from None
    if positions.ndim == 2:
        positions = positions[np.newaxis]
    if positions.ndim != 3 or positions.shape[2] != 3:
        raise NanochartError(
            f"{where}: positions have shape {positions.shape}, expected (n_structures, n_atoms, 3)"
        )
    if positions.shape[0] == 0:
        raise NanochartError(f"{where}: holds no structure")
    if positions.shape[1] < 2:
        raise NanochartError(f"{where}: one atom has no structure; at least 2 are needed")
    check_positions(positions, where=where)
    return positions, symbols


def check_positions(positions: NDArray[np.float64], *, where: str = "input") -> None:
    """Raise a NanochartError naming the first frame and atom that cannot be a structure.

    Parameters
    ----------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
    where
        What to call the input in the error.
    """
    finite = np.isfinite(positions).all(axis=2)
    if not finite.all():
        frame, atom = np.argwhere(~finite)[0]
        raise NanochartError(
            f"{where}: frame {frame}, atom {atom} has a coordinate that is NaN or infinite; "
            "remove the frame or skip bad frames"
        )
    for frame, one in enumerate(positions):
        distances = pdist(one)
        if distances.size and distances.min() < OVERLAP_DISTANCE:
            i, j = np.stack(np.triu_indices(len(one), k=1))[:, distances.argmin()]
            raise NanochartError(
                f"{where}: frame {frame}, atoms {i} and {j} are {distances.min():.3f} Å apart "
                f"(less than {OVERLAP_DISTANCE} Å): they overlap; check the file's units, or "
                "skip bad frames"
            )


def bad_frames(positions: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which structures are unusable: a coordinate not finite, or two atoms overlapping.

    Parameters
    ----------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å

    Returns
    -------
    ndarray of bool, shape (n_structures,)
    """
    bad: NDArray[np.bool_] = np.logical_not(np.isfinite(positions).all(axis=(1, 2)))
    for frame in np.flatnonzero(~bad):
        bad[frame] = pdist(positions[frame]).min() < OVERLAP_DISTANCE
    return bad


def centred(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the structures moved so that each centroid is at the origin.

    Parameters
    ----------
    positions : ndarray, shape (..., n_atoms, 3), Å
    """
    moved: NDArray[np.float64] = positions - positions.mean(axis=-2, keepdims=True)
    return moved


def _common_species(frames: Sequence[Any], species: str | None, where: str) -> str:
    """Return the one element all frames consist of, or raise."""
    for frame, atoms in enumerate(frames):
        if not len(atoms):
            raise NanochartError(f"{where}: frame {frame} holds no atoms")
        found = set(atoms.get_chemical_symbols())
        expected = species or frames[0].get_chemical_symbols()[0]
        if found != {expected}:
            raise NanochartError(
                f"{where}: frame {frame} holds {', '.join(sorted(found))}, expected only {expected}"
            )
    return species or str(frames[0].get_chemical_symbols()[0])
