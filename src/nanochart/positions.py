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

from nanochart.composition import is_alloy, species_of, symbols_of
from nanochart.errors import NanochartError

#: Two atoms closer than this (Å) are an error of the file, not a structure: no metal dimer,
#: however hot, comes near it.
OVERLAP_DISTANCE = 0.5
#: A periodic cell must have an empty slab at least this thick (Å) along each periodic direction.
#: Then no bond crosses it (the widest neighbour cutoff of the metals charted is 3.5 Å), and what
#: lies between two slabs is a cluster; layers of a metal crystal are 0.8 bond lengths apart.
EMPTY_SLAB = 4.0

#: What public entries take.
Structures: TypeAlias = Any  # array (n, n_atoms, 3) or (n_atoms, 3), ase.Atoms, list of Atoms


def as_structures(
    structures: Structures,
    *,
    species: str | Sequence[str] | None = None,
    where: str = "input",
    may_overlap: bool = False,
) -> tuple[NDArray[np.float64], tuple[str, ...] | None]:
    """Return positions and the chemical symbol of every atom of one or many structures.

    Parameters
    ----------
    structures
        Positions in Å, shape (n_structures, n_atoms, 3) or (n_atoms, 3); an ``ase.Atoms``; or a
        sequence of ``ase.Atoms`` of equal size with the same element at every place. A cluster
        that lies across the faces of a periodic cell is put together (see ``whole``).
    species
        One chemical symbol, one for each of the n_atoms atoms, or a formula
        (`nanochart.composition`), that the structures must have, or that bare arrays are said to
        have: of a formula in its order.
    where
        What to call the input in an error: a file name, usually.
    may_overlap
        Whether atoms may come as close as they like to one another.

    Returns
    -------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
    symbols : tuple of str, n_atoms long, or None
        The element of every atom, the same in all structures, if it is known.

    Raises
    ------
    NanochartError
        Sizes or elements differ between frames, coordinates are not finite, atoms overlap, the
        elements are not the expected ones, a periodic cell is filled.
    """
    symbols: tuple[str, ...] | None = None
    frames = _as_frames(structures)
    if frames:
        symbols = _common_symbols(frames, species, where)
        structures = np.stack(
            [whole(atoms, where=f"{where}: frame {frame}") for frame, atoms in enumerate(frames)]
        )
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
    check_positions(positions, where=where, may_overlap=may_overlap)
    if symbols is None and species is not None:
        symbols = symbol_of_every_atom(species, positions.shape[1], where=where)
    return positions, symbols


def as_positions(
    structures: Structures,
    *,
    species: str | None = None,
    where: str = "input",
    may_overlap: bool = False,
) -> tuple[NDArray[np.float64], str | None]:
    """Return positions and the chemical symbol of one or many structures of one element.

    Parameters
    ----------
    structures, where, may_overlap
        As for ``as_structures``.
    species
        Chemical symbol that the structures must have, or that bare arrays are said to have.

    Returns
    -------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
    species : str or None
        The element, if it is known.

    Raises
    ------
    NanochartError
        As ``as_structures``, or there are several elements.
    """
    frames = _as_frames(structures)
    if species is None and frames and len(frames[0]):
        species = str(frames[0].get_chemical_symbols()[0])
    positions, symbols = as_structures(
        frames or structures, species=species, where=where, may_overlap=may_overlap
    )
    return positions, None if symbols is None else one_element(symbols, where=where)


def as_clusters(
    structures: Structures,
    *,
    species: str | None = None,
    where: str = "input",
    may_overlap: bool = False,
) -> tuple[NDArray[np.float64], str | None]:
    """Return positions and the species of one or many structures of one element or an alloy.

    Parameters and errors are those of ``as_structures``.

    Returns
    -------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
        Of an alloy with the atoms in the order of its formula (`nanochart.composition`).
    species : str or None
        Chemical symbol, or the formula; None if it is not known.
    """
    positions, symbols = as_structures(
        structures, species=species, where=where, may_overlap=may_overlap
    )
    if symbols is None:
        return positions, None
    found = species_of(symbols)
    if is_alloy(found):
        positions = positions[:, np.argsort(np.array(symbols), kind="stable")]
    return positions, found


def symbol_of_every_atom(
    species: str | Sequence[str], n_atoms: int, *, where: str = "input"
) -> tuple[str, ...]:
    """Return the chemical symbols of n_atoms atoms, given one for all, one for each, a formula."""
    if isinstance(species, str):
        return symbols_of(species, n_atoms)
    if len(species) != n_atoms:
        raise NanochartError(
            f"{where}: {len(species)} chemical symbols for {n_atoms} atoms; give one for all of "
            "them, or one for each"
        )
    return tuple(str(symbol) for symbol in species)


def one_element(symbols: Sequence[str], *, where: str = "input") -> str:
    """Return the one element that all atoms are, or raise a NanochartError naming the several."""
    elements = sorted(set(symbols))
    if len(elements) != 1:
        raise NanochartError(f"{where}: holds {', '.join(elements)}, expected only one element")
    return elements[0]


def unlike_atom(symbols: Sequence[str], reference: Sequence[str], place: str) -> str | None:
    """Return which atom is another element than in a reference, and what to do; None if none is.

    Parameters
    ----------
    symbols, reference
        Chemical symbol of every atom of a frame and of the reference, equally many.
    place
        Where the reference is from: "in frame 0".
    """
    for atom, (found, expected) in enumerate(zip(symbols, reference, strict=True)):
        if found != expected:
            alike = sorted(symbols) == sorted(reference)
            remedy = "sort the atoms alike" if alike else "split the file by composition"
            return f"atom {atom} is {found}, {place} it is {expected}: {remedy}"
    return None


def whole(atoms: Any, *, where: str = "input") -> NDArray[np.float64]:
    """Return the positions of a cluster in one piece, even if it lies across its cell's faces.

    Along each periodic direction the cell is cut open in the middle of its thickest empty slab,
    and the atoms beyond the cut move by one cell vector to join the first atom.

    Parameters
    ----------
    atoms
        An ``ase.Atoms``, periodic or not.
    where
        What to call it in the error.

    Returns
    -------
    ndarray, shape (n_atoms, 3), Å

    Raises
    ------
    NanochartError
        Along a periodic direction no slab of ``EMPTY_SLAB`` is empty: a crystal, a wire or a film
        that goes on in the next cell.

    Notes
    -----
    A slab lies between two planes parallel to a pair of the cell's faces. Clusters packed so
    closely into a skewed cell that no such slab fits between them are refused as well.
    """
    positions: NDArray[np.float64] = np.array(atoms.get_positions(), dtype=np.float64)
    given = atoms.cell.any(axis=1)
    periodic = np.flatnonzero(atoms.pbc & given)
    if not periodic.size or atoms.cell.rank < given.sum() or not np.isfinite(positions).all():
        return positions
    cell = atoms.cell.complete().array
    to_fractions = np.linalg.inv(cell)
    fractions = positions @ to_fractions
    heights = 1.0 / np.linalg.norm(to_fractions, axis=0)  # (3,) Å between opposite faces
    for axis in periodic:
        places = np.sort(fractions[:, axis] % 1.0)
        slabs = np.diff(places, append=places[0] + 1.0)
        thickest = int(slabs.argmax())
        if slabs[thickest] * heights[axis] < EMPTY_SLAB:
            raise NanochartError(
                f"{where} fills its periodic cell: not a cluster (along cell vector {axis + 1} at "
                f"most {slabs[thickest] * heights[axis]:.2f} Å are empty, {EMPTY_SLAB:.0f} Å are "
                "needed); give the cell more room, or no periodicity if it has none"
            )
        cut = places[thickest] + 0.5 * slabs[thickest]
        turns = np.floor(fractions[:, axis] - cut)
        positions -= np.outer(turns - turns[0], cell[axis])
    return positions


def check_positions(
    positions: NDArray[np.float64], *, where: str = "input", may_overlap: bool = False
) -> None:
    """Raise a NanochartError naming the first frame and atom that cannot be a structure.

    Parameters
    ----------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
    where
        What to call the input in the error.
    may_overlap
        Whether atoms may come as close as they like to one another.
    """
    finite = np.isfinite(positions).all(axis=2)
    if not finite.all():
        frame, atom = np.argwhere(~finite)[0]
        raise NanochartError(
            f"{where}: frame {frame}, atom {atom} has a coordinate that is NaN or infinite; "
            "remove the frame or skip bad frames"
        )
    for frame, one in enumerate(() if may_overlap else positions):
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


def _as_frames(structures: Structures) -> list[Any]:
    """Return the ``ase.Atoms`` among what public entries take; none of bare arrays."""
    if hasattr(structures, "get_positions"):
        return [structures]
    if isinstance(structures, Sequence) and structures and hasattr(structures[0], "get_positions"):
        return list(structures)
    return []


def _common_symbols(
    frames: Sequence[Any], species: str | Sequence[str] | None, where: str
) -> tuple[str, ...]:
    """Return the element of every atom, the same in all frames, or raise."""
    n_atoms = len(frames[0])
    reference, place = tuple(frames[0].get_chemical_symbols()), "in frame 0"
    if isinstance(species, str) and is_alloy(species):
        if reference and species_of(reference) != species:
            raise NanochartError(f"{where}: frame 0 is {species_of(reference)}, expected {species}")
        species = None
    if species is not None:
        reference = symbol_of_every_atom(species, n_atoms, where=where)
        place = "in species"
    for frame, atoms in enumerate(frames):
        symbols = atoms.get_chemical_symbols()
        if not symbols:
            raise NanochartError(f"{where}: frame {frame} holds no atoms")
        if isinstance(species, str) and set(symbols) != {species}:
            raise NanochartError(
                f"{where}: frame {frame} holds {', '.join(sorted(set(symbols)))}, "
                f"expected only {species}"
            )
        if len(symbols) != n_atoms:
            raise NanochartError(
                f"{where}: frame {frame} has {len(symbols)} atoms, frame 0 has {n_atoms}; "
                "a chart needs structures of one size: split the file by size"
            )
        unlike = unlike_atom(symbols, reference, place)
        if unlike:
            raise NanochartError(f"{where}: frame {frame}, {unlike}")
    return reference
