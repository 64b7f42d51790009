"""Twice or new: which quenched structures of a sample differ, by energy and class or by RDF.

Two structures are apart if their class differs or their energies differ by 0.1 meV or more (the
paper, SI section on filtering). The paper leaves open how near-ties chain; here the choice is
greedy: within a class, by rising energy, keep what lies a tolerance or more above the last kept.

Two arrangements of an alloy's elements on one shape have the same class and may tie in energy; the
RDFs of the pairs of elements tell them apart (``split_by``).

Where there are no energies, two structures are the same if their RDFs are. Minima that were met
again differ by 1e-5 to 1e-4 in the distance below, others by 1e-2, and few lie between
(benchmarks/rdf_duplicates.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanochart.errors import NanochartError

#: 0.1 meV, the paper's.
ENERGY_TOLERANCE = 1e-4
#: Distance of RDFs below which two structures are the same minimum, Å^(-1/2).
RDF_TOLERANCE = 1e-3
#: Structures described at a time: some MB of partial RDFs.
_BLOCK = 512


def unique_indices(
    energies: ArrayLike, classes: ArrayLike, *, tolerance: float = ENERGY_TOLERANCE
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the structures to keep, and for each structure the kept one it repeats.

    Parameters
    ----------
    energies
        Potential energy of each quenched structure, eV, shape (n,).
    classes
        Class code (or name) of each structure, shape (n,).
    tolerance
        Energy difference from which two structures of a class count as different, eV.

    Returns
    -------
    indices : ndarray of int64, shape (n_unique,)
        Rows to keep, ascending. Of rows equal in energy and class the first is kept.
    representative : ndarray of int64, shape (n,)
        The kept row that each row is a duplicate of; a kept row names itself. It lies less than
        ``tolerance`` below the row in energy.

    Raises
    ------
    NanochartError
        The lengths differ, an energy is not finite, or the tolerance is not positive.

    Notes
    -----
    Sorting dominates: n log n, about half a second for a million rows.
    """
    energy = np.asarray(energies, dtype=np.float64)
    label = np.asarray(classes)
    _check(energy, label, tolerance)
    order = np.lexsort((energy, label))  # by class, then energy; stable, so ties stay in row order
    energy, label = energy[order], label[order]
    starts_class = np.ones(len(order), dtype=np.bool_)
    starts_class[1:] = label[1:] != label[:-1]
    kept = _greedily_kept(energy, starts_class, tolerance)
    place_of_kept = np.maximum.accumulate(np.where(kept, np.arange(len(order)), 0))
    representative = np.empty(len(order), dtype=np.int64)
    representative[order] = order[place_of_kept]
    return np.sort(order[kept]), representative


def split_by(
    representative: NDArray[np.int64],
    describe: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    *,
    tolerance: float = RDF_TOLERANCE,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the structures to keep if those held for the same differ in something else, too.

    Parameters
    ----------
    representative : ndarray of int64, shape (n,)
        For each structure the one it seems to repeat, as of :func:`unique_indices`.
    describe
        Takes rows (m,) and returns what tells them apart, (m, n_numbers): the partial RDFs of an
        alloy, times the root of the grid's step.
    tolerance
        Euclidean distance from which two rows differ.

    Returns
    -------
    indices, representative
        As of :func:`unique_indices`. Of each group the first is kept, and whatever lies further
        than the tolerance from all kept before it.
    """
    found = representative.copy()
    order = np.argsort(representative, kind="stable")
    ends = np.flatnonzero(np.diff(representative[order])) + 1
    for members in np.split(order, ends):
        if len(members) < 2:
            continue
        kept = [int(representative[members[0]])]
        known = describe(np.array(kept, dtype=np.int64))
        for start in range(0, len(members), _BLOCK):
            block = members[start : start + _BLOCK]
            for row, own in zip(block, describe(block), strict=True):
                away = np.linalg.norm(known - own, axis=1)
                nearest = int(away.argmin())
                if row == kept[0] or away[nearest] < tolerance:
                    found[row] = kept[nearest]
                    continue
                found[row] = row
                kept.append(int(row))
                known = np.vstack([known, own])
    return np.unique(found), found


def unique_by_rdf(
    rdf: NDArray[np.floating], *, step: float, tolerance: float = RDF_TOLERANCE
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the structures to keep by their RDFs, and for each the kept one it repeats.

    The distance of two RDFs is ``sqrt(∫ (g₁ − g₂)² dr)``.

    Parameters
    ----------
    rdf : ndarray, shape (n, n_bins), Å⁻¹
        Of quenched structures.
    step
        Of the grid, Å.
    tolerance
        Distance from which two RDFs count as different, Å^(-1/2).

    Returns
    -------
    indices : ndarray of int64, shape (n_unique,)
        Rows to keep, ascending: the first of each group.
    representative : ndarray of int64, shape (n,)
        The kept row of each row's group; a kept row names itself. A group is what lies within the
        tolerance of the one that began it, so two of its rows differ by twice that at most.

    Raises
    ------
    NanochartError
        The RDFs are no table of finite numbers, or the tolerance is not positive.

    Notes
    -----
    Greedy, in the order of the first principal component: only those within the tolerance in it
    are compared, and most are told apart by the next few. n log n, and for many structures that
    all differ, n² with a very small factor.
    """
    table = np.ascontiguousarray(rdf, dtype=np.float64)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise NanochartError(
            f"duplicates: RDFs of shape {table.shape} are no finite numbers, one row a structure"
        )
    if not (math.isfinite(tolerance) and tolerance > 0.0):
        raise NanochartError(f"RDF tolerance {tolerance}: give a positive number, 1e-3")
    if len(table) == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    table = table - table.mean(axis=0)
    # A rotation keeps distances, and puts what varies most first.
    components = np.linalg.eigh(table.T @ table)[1][:, ::-1]
    turned = table @ components * math.sqrt(step)  # (n, n_bins)
    order = np.argsort(turned[:, 0], kind="stable")
    leader = _leaders(turned[order], tolerance)  # places in the order
    first = np.full(len(order), len(order), dtype=np.int64)
    np.minimum.at(first, leader, order)
    representative = np.empty(len(order), dtype=np.int64)
    representative[order] = first[leader]
    return np.unique(representative), representative


@numba.njit(nogil=True, cache=True)
def _leaders(points: NDArray[np.float64], tolerance: float) -> NDArray[np.int64]:
    """Return for each point, sorted by its first coordinate, the leader it lies close to."""
    n, n_axes = points.shape
    leader = np.empty(n, dtype=np.int64)
    leaders = np.empty(n, dtype=np.int64)
    n_leaders, lowest = 0, 0
    for i in range(n):
        while lowest < n_leaders and points[leaders[lowest], 0] < points[i, 0] - tolerance:
            lowest += 1
        leader[i] = -1
        for k in range(n_leaders - 1, lowest - 1, -1):
            other = leaders[k]
            square = 0.0
            for axis in range(n_axes):
                square += (points[i, axis] - points[other, axis]) ** 2
                if square >= tolerance * tolerance:
                    break
            if square < tolerance * tolerance:
                leader[i] = other
                break
        if leader[i] < 0:
            leader[i] = i
            leaders[n_leaders] = i
            n_leaders += 1
    return leader


def _greedily_kept(
    energy: NDArray[np.float64], starts_class: NDArray[np.bool_], tolerance: float
) -> NDArray[np.bool_]:
    """Return which of the sorted rows lie a tolerance above the last kept one of their class."""
    kept = np.zeros(len(energy), dtype=np.bool_)
    last = -math.inf
    # Each decision needs the one before it; plain floats make this 0.1 s for a million rows.
    for row, (value, starts) in enumerate(zip(energy.tolist(), starts_class.tolist(), strict=True)):
        if starts or value - last >= tolerance:
            kept[row] = True
            last = value
    return kept


def _check(energy: NDArray[np.float64], label: NDArray[np.generic], tolerance: float) -> None:
    """Raise a NanochartError for what cannot be compared."""
    if energy.ndim != 1 or label.shape != energy.shape:
        raise NanochartError(
            f"energies have shape {energy.shape} and classes {label.shape}: "
            "give one of each per structure"
        )
    if not (math.isfinite(tolerance) and tolerance > 0.0):
        raise NanochartError(f"energy tolerance {tolerance} eV: give a positive number, 1e-4")
    bad = np.flatnonzero(~np.isfinite(energy))
    if bad.size:
        raise NanochartError(
            f"row {bad[0]} has the energy {energy[bad[0]]} ({bad.size} such in all): drop "
            "the structures whose quench failed before looking for duplicates"
        )
