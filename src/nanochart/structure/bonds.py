"""The compiled loops of common neighbour analysis: what the two ends of each bond share.

``neighbours`` gives each atom its neighbours and, row by row, the bits that say which of them are
bonded to one another. All bonds of the atom are then followed at once by counting bits (``lanes``).
Atoms with more than 16 neighbours, and those beside a pair in doubt, take a slow path instead, by
the lists of neighbours. Everything but the result is scratch of a few dozen kB.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.structure.lanes import LANES, count_bits, lane_keys, lane_signatures, lowest_bit
from nanochart.structure.neighbours import (
    CELLS_FROM,
    FINE,
    MAX_NEIGHBOURS,
    ROOM,
    Atoms,
    find_neighbours,
    inner,
    scratch,
)

#: Neighbours of an atom in a perfect crystal; no environment has more. A constant, as loops of
#: constant length are unrolled.
MOST_KNOWN = 12
#: Of lanes.py and neighbours.py. numba's cache knows by the text of this file alone whether it has
#: to compile anew, so every change of the other two must show here; a test sees to that.
SOURCES = "5694b56958d154a9"
#: Where the pattern of an environment holds the number of neighbours.
TOTAL_SHIFT = 56

_ONE = np.uint64(1)
_outer = numba.njit(nogil=True, error_model="numpy", cache=True)


class EnvironmentTable(NamedTuple):
    """What tells the environments of atoms apart, as numbers.

    A bond with the signature ijk has the key (i·base + j)·base + k, digits above base − 1 taken as
    base − 1. The sum of the weights of an atom's bonds, and its number of neighbours from bit
    ``TOTAL_SHIFT`` on, is the pattern of its environment. A key 0 has no weight: it also stands
    for no bond. Digits must not pass 5, nor i and j be 5 and 4 (see ``lanes.lane_signatures``).
    """

    base: int
    weights: NDArray[np.uint64]  # (base³,)
    patterns: NDArray[np.uint64]  # (n_environments,)
    codes: NDArray[np.int8]  # (n_environments,)
    rows_for: NDArray[np.uint64]  # (33,): MOST_KNOWN, or 0 if none has so many neighbours
    axis_code: int  # the environment whose bonds of the key axis_key form five-fold axes
    axis_key: int


@_outer
def fill_signatures(
    positions: NDArray[np.float64],
    squares: NDArray[np.float64],
    types: NDArray[np.int64],
    first: NDArray[np.int64],
    ends: NDArray[np.int32],
    signature: NDArray[np.uint8],
) -> tuple[int, int, int, int]:
    """Fill what ``cna.Signatures`` holds; return what is wrong, with which structure and atoms.

    Parameters
    ----------
    positions
        Shape (n_structures, n_atoms, 3), Å; finite, and at least one atom.
    squares
        Squared cutoffs between types, Å²: shape (n_structures, n_types, n_types), or
        (1, n_types, n_types) for one table for all structures.
    types
        The type of each atom, shape (n_atoms,).
    first, ends, signature
        To be filled: ``Signatures.first`` and, with room for ``MAX_NEIGHBOURS / 2`` bonds an atom
        and one more, ``Signatures.atoms`` and ``Signatures.signature``.
    """
    atoms = scratch(len(types), squares.shape[1])
    rows_for = np.full(ROOM + 1, LANES, dtype=np.uint64)
    rows_for[: MOST_KNOWN + 1] = MOST_KNOWN  # the usual case: one number is predicted well
    slow_rows = np.empty(MAX_NEIGHBOURS, dtype=np.uint64)
    numbers = np.zeros(3 * LANES, dtype=np.uint16)
    bond: Any = 0
    for s in range(len(positions)):
        table = squares[min(s, len(squares) - 1)]
        wrong, atom, other = find_neighbours(atoms, positions[s], types, table, rows_for)
        if wrong != FINE:
            return wrong, s, atom, other
        for i in range(len(types)):
            n = atoms.counts[i]
            if atoms.slow[i]:
                bond = _write_slowly(atoms, i, slow_rows, ends, signature, bond)
                continue
            row = i * LANES
            unsettled = lane_signatures(atoms.rows, row, rows_for[n], numbers)
            for a in range(np.int64(n)):
                j = np.int64(atoms.lists[i * ROOM + a])
                # written for all neighbours, and kept for those above i: no branch, no mispredict
                ends[bond, 0], ends[bond, 1] = i, j
                signature[bond, 0] = numbers[a]
                signature[bond, 1] = numbers[LANES + a]
                signature[bond, 2] = numbers[2 * LANES + a]
                if j > i and unsettled >> np.uint64(a) & _ONE:
                    rows = atoms.rows[row : row + LANES]
                    signature[bond, 2] = _signature(rows, rows[a])[2]
                bond += j > i
        if len(types) >= CELLS_FROM:
            _sort_bonds(atoms.order, ends[first[s] : bond], signature[first[s] : bond])
        first[s + 1] = bond
    return FINE, -1, -1, -1


@_outer
def fill_environments(
    positions: NDArray[np.float64],
    squares: NDArray[np.float64],
    types: NDArray[np.int64],
    table: EnvironmentTable,
    codes: NDArray[np.int8],
    n_axes: NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Fill the environment codes (n_structures, n_atoms) and the five-fold axes (n_structures,).

    Other parameters and result as ``fill_signatures``.
    """
    atoms = scratch(len(types), squares.shape[1])
    slow_rows = np.empty(MAX_NEIGHBOURS, dtype=np.uint64)
    keys = np.zeros(len(types) * LANES, dtype=np.uint16)
    named = np.empty(len(types), dtype=np.int8)
    for s in range(len(positions)):
        square = squares[min(s, len(squares) - 1)]
        wrong, atom, other = find_neighbours(atoms, positions[s], types, square, table.rows_for)
        if wrong != FINE:
            return wrong, s, atom, other
        for i in range(len(types)):
            if table.rows_for[atoms.counts[i]] == 0:
                continue
            if atoms.slow[i]:
                _fill_slow_keys(atoms, i, slow_rows, table.base, keys)
            else:
                lane_keys(atoms.rows, i * LANES, MOST_KNOWN, table.base, keys)
        n_axes[s] = _name_environments(atoms, keys, table, named)
        for i in range(len(types)):
            codes[s, atoms.order[i]] = named[i]
    return FINE, -1, -1, -1


@_outer
def count_environments(
    first: NDArray[np.int64],
    ends: NDArray[np.int32],
    signature: NDArray[np.uint8],
    table: EnvironmentTable,
    codes: NDArray[np.int8],
) -> None:
    """Fill the environment codes (n_structures, n_atoms) from what ``fill_signatures`` filled."""
    patterns = np.empty(codes.shape[1], dtype=np.uint64)
    one_bond = _ONE << np.uint64(TOTAL_SHIFT)
    for s in range(codes.shape[0]):
        for i in range(len(patterns)):
            patterns[i] = 0
        for bond in range(first[s], first[s + 1]):
            key: Any = 0
            for k in range(3):
                key = key * table.base + min(np.int64(signature[bond, k]), table.base - 1)
            weight = table.weights[key] + one_bond
            patterns[ends[bond, 0]] += weight
            patterns[ends[bond, 1]] += weight
        for i in range(len(patterns)):
            codes[s, i] = 0
            for k in range(len(table.patterns)):
                if table.patterns[k] == patterns[i]:
                    codes[s, i] = table.codes[k]


@_outer
def count_axes(
    first: NDArray[np.int64],
    ends: NDArray[np.int32],
    signature: NDArray[np.uint8],
    axis_code: int,
    codes: NDArray[np.int8],
    n_axes: NDArray[np.int64],
) -> None:
    """Fill the number of five-fold axes (n_structures,) from what the two others filled."""
    for s in range(codes.shape[0]):
        n_axes[s] = 0
        for i in range(codes.shape[1]):
            n_axes[s] += codes[s, i] == axis_code
        for bond in range(first[s], first[s + 1]):
            i, j, k = signature[bond, 0], signature[bond, 1], signature[bond, 2]
            if i == 5 and j == 5 and k == 5:
                one, other = codes[s, ends[bond, 0]], codes[s, ends[bond, 1]]
                n_axes[s] -= one == axis_code and other == axis_code


@inner
def _name_environments(
    atoms: Atoms, keys: NDArray[np.uint16], table: EnvironmentTable, codes: NDArray[np.int8]
) -> int:
    """Fill the codes of a structure's atoms; return the number of its five-fold axes."""
    n_axes = 0
    for i in range(len(codes)):
        codes[i] = 0
        n = atoms.counts[i]
        if table.rows_for[n] == 0:
            continue
        row = np.uint64(i * LANES)
        found = n << np.uint64(TOTAL_SHIFT)
        for a in range(np.uint64(MOST_KNOWN)):
            found += table.weights[keys[row + a]]
        code = np.int8(0)
        for k in range(len(table.patterns)):
            if table.patterns[k] == found:
                code = table.codes[k]
        codes[i] = code
        if code == table.axis_code:
            n_axes += 1
            for a in range(n):
                j = atoms.lists[np.uint64(i * ROOM) + a]
                if keys[row + a] == table.axis_key and j < i and codes[j] == code:
                    n_axes -= 1  # j is on the same axis, which has been counted
    return n_axes


@inner
def _fill_slow_rows(atoms: Atoms, i: int, rows: NDArray[np.uint64]) -> Any:
    """Fill the adjacency among atom i's neighbours by their lists; return how many these are."""
    n = np.int64(atoms.counts[i])
    for a in range(n):
        rows[a] = 0
        one = np.int64(atoms.lists[i * ROOM + a])
        for b in range(a):
            for k in range(np.int64(atoms.counts[one])):
                if atoms.lists[one * ROOM + k] == atoms.lists[i * ROOM + b]:
                    rows[a] |= _ONE << np.uint64(b)
                    rows[b] |= _ONE << np.uint64(a)
    return n


@inner
def _signature(rows: NDArray[Any], common: int) -> tuple[Any, Any, Any]:
    """Return the signature of a bond by its set of common neighbours, whatever their number."""
    n_bonds, longest = np.uint64(0), np.uint64(0)
    left = np.uint64(common)
    while left:
        group = left & (~left + _ONE)  # the lowest of those left, and whom it hangs together with
        grown = True
        while grown:
            degrees = np.uint64(0)
            reached = group
            members = group
            while members:
                among = np.uint64(rows[lowest_bit(members)]) & np.uint64(common)
                degrees += count_bits(among)
                reached |= among
                members &= members - _ONE
            grown = reached != group
            group = reached
        n_bonds += degrees >> _ONE
        longest = max(longest, degrees >> _ONE)
        left &= ~group
    return count_bits(np.uint64(common)), n_bonds, longest


@inner
def _write_slowly(
    atoms: Atoms,
    i: int,
    rows: NDArray[np.uint64],
    ends: NDArray[np.int32],
    signature: NDArray[np.uint8],
    bond: Any,
) -> Any:
    """Write the bonds of an atom of the slow path to those above it; return the next bond."""
    for a in range(_fill_slow_rows(atoms, i, rows)):
        j = np.int64(atoms.lists[i * ROOM + a])
        if j > i:
            ends[bond, 0], ends[bond, 1] = i, j
            n_common, n_bonds, longest = _signature(rows, rows[a])
            signature[bond, 0], signature[bond, 1] = n_common, n_bonds
            signature[bond, 2] = longest
            bond += 1
    return bond


@inner
def _fill_slow_keys(
    atoms: Atoms, i: int, rows: NDArray[np.uint64], base: int, keys: NDArray[np.uint16]
) -> None:
    """As ``lane_keys``, for an atom of the slow path with at most 16 neighbours."""
    for a in range(LANES):
        keys[i * LANES + a] = 0
    for a in range(_fill_slow_rows(atoms, i, rows)):
        key: Any = 0
        for number in _signature(rows, rows[a]):
            key = key * base + min(np.int64(number), base - 1)
        keys[i * LANES + a] = key


@inner
def _sort_bonds(
    order: NDArray[np.int64], ends: NDArray[np.int32], signature: NDArray[np.uint8]
) -> None:
    """Turn places in ``order`` into atoms, and sort the bonds of one structure."""
    starts = np.zeros(len(order) + 1, dtype=np.int64)
    unsorted, unsorted_signature = ends.copy(), signature.copy()
    for bond in range(len(ends)):
        one, other = order[ends[bond, 0]], order[ends[bond, 1]]
        unsorted[bond, 0], unsorted[bond, 1] = min(one, other), max(one, other)
        starts[min(one, other) + 1] += 1
    for i in range(len(order)):
        starts[i + 1] += starts[i]
    written = starts.copy()
    for bond in range(len(ends)):
        i, j = unsorted[bond, 0], unsorted[bond, 1]
        place = written[i]
        written[i] += 1
        while place > starts[i] and ends[place - 1, 1] > j:
            place -= 1
            for k in range(2):
                ends[place + 1, k] = ends[place, k]
            for k in range(3):
                signature[place + 1, k] = signature[place, k]
        ends[place, 0], ends[place, 1] = i, j
        for k in range(3):
            signature[place, k] = unsorted_signature[bond, k]
