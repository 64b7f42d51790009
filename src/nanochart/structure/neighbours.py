"""Who is bonded to whom in a cluster: the compiled neighbour search of common neighbour analysis.

Candidates are searched 16 at a time in float32 (``lanes.near``): every atom among all the others
or, in large clusters, among those of the cells around. Pairs so near the cutoff that float32
cannot tell are looked at once more in float64, so that the answer is that of float64 throughout.

Then the neighbours of every atom get local numbers 0, 1, 2 ..., and one row of bits for each says
to which others of them it is bonded: row a is the set of common neighbours of the atom and its
neighbour a. ``bonds`` works on these rows. Edits made here must show in ``bonds.SOURCES``.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.structure.lanes import (
    LANES,
    PER_POINT,
    count_bits,
    lowest_bit,
    near,
    neighbour_rows,
)

#: Neighbours an atom may have. Metals have at most 12 in a crystal and 14 to 16 in a melt; with 24,
#: a bond has at most 23 common neighbours and C(23, 2) = 253 bonds among them, which fits a uint8.
MAX_NEIGHBOURS = 24
#: Two atoms closer than this part of the (smallest) cutoff are one atom written twice.
COINCIDENT = 0.1
#: From so many atoms on the search in cells is the faster one; time then grows as n_atoms.
CELLS_FROM = 1000
#: Places of a list of neighbours: 24, and what is written beyond for speed.
ROOM = 32
#: What the loops return about the structure they had to stop at.
FINE, COINCIDE, CROWDED = range(3)

_WORD = 64  # bits, and atoms whose nearness is asked for in one go
_CHUNKS = _WORD // LANES
_UNKNOWN = np.uint64(ROOM)  # count of neighbours of an atom whose list is not known yet
_HALF_ULP = 2.0**-24  # relative rounding error of float32
_ONE = np.uint64(1)
# Row m, column a: the bits below m, without bit a. No atom is a neighbour of itself, and behind
# the m neighbours of a list there is rubbish.
_MASKS = np.array(
    [((1 << m) - 1) & ~(1 << a) if a < m else 0 for m in range(LANES + 1) for a in range(LANES)],
    dtype=np.uint16,
)

# For what only other loops call: without the wrappers for Python it compiles in half the time.
_WITHOUT_WRAPPERS: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
inner = numba.njit(nogil=True, error_model="numpy", **_WITHOUT_WRAPPERS)


class Atoms(NamedTuple):
    """Scratch for one structure: its atoms as the vector steps read them, and their neighbours.

    The atoms come in an ``order`` of their own, by cells in large clusters and as given in others;
    all other fields number them by it.
    """

    order: NDArray[np.int64]  # (n_atoms,): the number of each in the structure
    positions: NDArray[np.float64]  # (n_atoms, 3), Å
    types: NDArray[np.int64]  # (n_atoms,)
    x: NDArray[np.float32]  # (padded,), from the centroid, Å; NaN beyond the last atom
    y: NDArray[np.float32]
    z: NDArray[np.float32]
    g: NDArray[np.float32]  # (n_types · padded,): (|p|² − cutoff²)/2 with the cutoff to that type
    points: NDArray[np.float32]  # (padded · 4,): x, y, z, |p|²/2
    limits: NDArray[np.float32]  # (n_types · 16,): cutoff²/2 to each neighbour of one atom
    limit_of: NDArray[np.uint32]  # (padded,): where in limits those of a neighbour's type begin
    lists: NDArray[np.uint32]  # (n_atoms · ROOM,): neighbours, ascending
    counts: NDArray[np.uint64]  # (n_atoms,)
    rows: NDArray[np.uint16]  # (n_atoms · 16,): adjacency among the neighbours of an atom
    doubtful: NDArray[np.uint32]  # (n_atoms,): atoms to look at once more
    slow: NDArray[np.bool_]  # (n_atoms,): atoms whose rows are not to be relied on


@inner
def _aligned(size: int) -> NDArray[np.float32]:
    """Return NaNs that start at a cache line; vectors across two lines cost twice."""
    room = np.empty(size + LANES, dtype=np.float32)
    skip = (-(room.ctypes.data // 4)) % LANES
    for k in range(len(room)):
        room[k] = np.nan
    return room[skip : skip + size]


@inner
def scratch(n_atoms: int, n_types: int) -> Atoms:
    """Return the scratch for structures of so many atoms, of so many types."""
    padded = n_atoms + 2 * _WORD + LANES  # a word may start at the last atom, with rubbish behind
    order = np.empty(n_atoms, dtype=np.int64)
    for i in range(n_atoms):
        order[i] = i
    return Atoms(
        order,
        np.empty((n_atoms, 3)),
        np.empty(n_atoms, dtype=np.int64),
        _aligned(padded),
        _aligned(padded),
        _aligned(padded),
        _aligned(n_types * padded),
        _aligned(padded * PER_POINT),
        _aligned(n_types * LANES),
        np.zeros(padded, dtype=np.uint32),
        np.zeros(n_atoms * ROOM, dtype=np.uint32),
        np.zeros(n_atoms, dtype=np.uint64),
        np.zeros(n_atoms * LANES, dtype=np.uint16),
        np.zeros(n_atoms, dtype=np.uint32),
        np.zeros(n_atoms, dtype=np.bool_),
    )


@inner
def find_neighbours(
    atoms: Atoms,
    positions: NDArray[np.float64],
    types: NDArray[np.int64],
    squares: NDArray[np.float64],
    rows_for: NDArray[np.uint64],
) -> tuple[int, int, int]:
    """Fill the scratch with one structure; return what is wrong, and two atoms.

    ``positions`` (n_atoms, 3) in Å are finite; ``squares`` (n_types, n_types) are the squared
    cutoffs, Å²; ``rows_for`` (33,) says how many rows, at most 16, to fill for an atom with so many
    neighbours.
    """
    n_atoms = len(positions)
    smallest, largest = squares[0, 0], squares[0, 0]
    for a in range(len(squares)):
        for b in range(a):
            smallest, largest = min(smallest, squares[a, b]), max(largest, squares[a, b])
        smallest, largest = min(smallest, squares[a, a]), max(largest, squares[a, a])
    centre, radius = _centre_and_radius(positions)
    closest = 0.5 * COINCIDENT**2 * smallest
    # The coordinates are rounded to float32, and so is every sum of products; together that makes
    # less than 8 · (radius + cutoff)² · half an ulp of |p|²/2. Twice that is the margin.
    margin = 16.0 * _HALF_ULP * (radius + math.sqrt(largest)) ** 2
    flung_apart = not margin < 0.1 * smallest  # so far that float32 tells nothing
    if n_atoms >= CELLS_FROM and not flung_apart:
        # a little wider than the cutoff, since a quotient may be rounded down
        starts, shape = _sort_into_cells(atoms.order, positions, 1.000001 * math.sqrt(largest))
        _load(atoms, positions, types, squares, centre)
        _search_in_cells(atoms, margin, starts, shape)
    else:
        if n_atoms >= CELLS_FROM:
            for i in range(n_atoms):
                atoms.order[i] = i
        _load(atoms, positions, types, squares, centre)
        if not flung_apart:
            _search_everywhere(atoms, margin)
    if flung_apart:
        n_doubtful = n_atoms
        for i in range(n_atoms):
            atoms.doubtful[i], atoms.counts[i] = i, _UNKNOWN
    else:
        n_doubtful = _fill_rows(atoms, squares, rows_for, closest, margin)
    if n_doubtful == 0:
        return FINE, -1, -1
    wrong, one, other = _settle_doubts(atoms, n_doubtful, squares, closest)
    return wrong, one, other


@inner
def _centre_and_radius(
    positions: NDArray[np.float64],
) -> tuple[tuple[float, float, float], float]:
    """Return the centroid and the distance to the farthest atom, Å."""
    n_atoms = len(positions)
    x = y = z = 0.0
    for i in range(n_atoms):
        x += positions[i, 0]
        y += positions[i, 1]
        z += positions[i, 2]
    x, y, z = x / n_atoms, y / n_atoms, z / n_atoms
    farthest = 0.0
    for i in range(n_atoms):
        a, b, c = positions[i, 0] - x, positions[i, 1] - y, positions[i, 2] - z
        farthest = max(farthest, a * a + b * b + c * c)
    return (x, y, z), math.sqrt(farthest)


@inner
def _load(
    atoms: Atoms,
    positions: NDArray[np.float64],
    types: NDArray[np.int64],
    squares: NDArray[np.float64],
    centre: tuple[float, float, float],
) -> None:
    """Write a structure into the scratch, in its order."""
    n_atoms, padded = len(positions), len(atoms.limit_of)
    for i in range(n_atoms):
        atom = atoms.order[i]
        x, y, z = positions[atom, 0], positions[atom, 1], positions[atom, 2]
        atoms.positions[i, 0], atoms.positions[i, 1], atoms.positions[i, 2] = x, y, z
        x, y, z = x - centre[0], y - centre[1], z - centre[2]
        h = 0.5 * (x * x + y * y + z * z)
        atoms.x[i], atoms.y[i], atoms.z[i] = x, y, z
        point = i * PER_POINT
        atoms.points[point], atoms.points[point + 1] = x, y
        atoms.points[point + 2], atoms.points[point + 3] = z, h
        atoms.types[i] = types[atom]
        atoms.limit_of[i] = types[atom] * LANES
        atoms.slow[i] = False
    for t in range(len(squares)):
        for i in range(n_atoms):
            half = 0.5 * squares[t, atoms.types[i]]
            atoms.g[t * padded + i] = atoms.points[i * PER_POINT + 3] - half
    for k in range(len(squares) * LANES):
        atoms.limits[k] = 0.5 * squares[k // LANES, 0]


@inner
def _search_everywhere(atoms: Atoms, margin: float) -> None:
    """List, for every atom, all that may be within the cutoff; every pair is looked at twice."""
    n_atoms, padded = len(atoms.counts), len(atoms.limit_of)
    for i in range(n_atoms):
        x, y, z = atoms.x[i], atoms.y[i], atoms.z[i]
        limit = np.float32(margin - atoms.points[PER_POINT * i + 3])
        own_g = atoms.types[i] * padded
        start = np.uint64(i * ROOM)
        place = start
        for first in range(0, n_atoms, _WORD):
            bits = np.uint64(0)
            for k in range(0, _WORD, LANES):
                g = own_g + first + k
                sixteen = near(atoms.x, atoms.y, atoms.z, first + k, atoms.g, g, x, y, z, limit)
                bits |= sixteen << np.uint64(k)
            if first // _WORD == i // _WORD:
                bits &= ~(_ONE << np.uint64(i % _WORD))
            if place - start + count_bits(bits) > np.uint64(MAX_NEIGHBOURS):
                place = start + _UNKNOWN
                break
            place = _append(bits, first, atoms.lists, place)
        atoms.counts[i] = place - start


@inner
def _append(bits: Any, first: int, lists: NDArray[np.uint32], place: Any) -> Any:
    """Write ``first`` plus the number of every bit set from ``place`` on; return the place behind.

    Always four or a multiple of four are written: a loop that ran as often as there are bits would
    be mispredicted at nearly every word. What stands behind the returned place is rubbish, but a
    valid index into the padded arrays.
    """
    n_bits = count_bits(bits)
    k = np.uint64(0)
    while True:
        for ahead in range(4):
            lists[place + k + np.uint64(ahead)] = np.uint64(first) + lowest_bit(bits)
            bits &= bits - _ONE
        k += np.uint64(4)
        if k >= n_bits:
            return place + n_bits


@inner
def _sort_into_cells(
    order: NDArray[np.int64], positions: NDArray[np.float64], reach: float
) -> tuple[NDArray[np.int64], tuple[int, int, int]]:
    """Put the atoms in the order of their cells, which are at least as wide as ``reach``, Å.

    Return where in the order each cell starts, and how many there are along x, y and z. z runs
    fastest.
    """
    n_atoms = len(order)
    low, high = np.empty(3), np.empty(3)
    for k in range(3):
        low[k] = high[k] = positions[0, k]
        for i in range(n_atoms):
            low[k], high[k] = min(low[k], positions[i, k]), max(high[k], positions[i, k])
    most = 2.0 * n_atoms ** (1.0 / 3.0)  # along an axis, lest far atoms make endless empty cells
    width = max(reach, max(high[0] - low[0], high[1] - low[1], high[2] - low[2]) / most)
    nx = int((high[0] - low[0]) / width) + 1
    ny = int((high[1] - low[1]) / width) + 1
    nz = int((high[2] - low[2]) / width) + 1
    cell = np.empty(n_atoms, dtype=np.int64)
    starts = np.zeros(nx * ny * nz + 2, dtype=np.int64)
    for i in range(n_atoms):
        a = int((positions[i, 0] - low[0]) / width)
        b = int((positions[i, 1] - low[1]) / width)
        c = int((positions[i, 2] - low[2]) / width)
        cell[i] = (a * ny + b) * nz + c
        starts[cell[i] + 2] += 1
    for k in range(len(starts) - 1):
        starts[k + 1] += starts[k]
    for i in range(n_atoms):  # starts[c + 1] is where cell c starts, until it is where it ends
        order[starts[cell[i] + 1]] = i
        starts[cell[i] + 1] += 1
    return starts, (nx, ny, nz)


@inner
def _chunks_around(
    cell: int,
    starts: NDArray[np.int64],
    shape: tuple[int, int, int],
    chunks: NDArray[np.int64],
    masks: NDArray[np.uint64],
) -> int:
    """Cut the atoms around a cell into chunks of 16; return how many, a multiple of 4.

    Chunk k starts at the atom ``chunks[k]`` and has the atoms whose bits are set in ``masks[k]``.
    Cells that follow one another in z share their chunks. The chunks ascend.
    """
    nx, ny, nz = shape
    a, b, c = cell // (ny * nz), cell // nz % ny, cell % nz
    n_chunks = 0
    for a_near in range(max(a - 1, 0), min(a + 2, nx)):
        for b_near in range(max(b - 1, 0), min(b + 2, ny)):
            row = (a_near * ny + b_near) * nz
            stop = starts[row + min(c + 2, nz)]
            for first in range(starts[row + max(c - 1, 0)], stop, LANES):
                chunks[n_chunks] = first
                masks[n_chunks] = (_ONE << np.uint64(min(stop - first, LANES))) - _ONE
                n_chunks += 1
    while n_chunks % _CHUNKS:
        chunks[n_chunks], masks[n_chunks] = 0, 0
        n_chunks += 1
    return n_chunks


@inner
def _search_in_cells(
    atoms: Atoms, margin: float, starts: NDArray[np.int64], shape: tuple[int, int, int]
) -> None:
    """As ``_search_everywhere``, but only in the cells around."""
    padded = len(atoms.limit_of)
    chunks = np.empty(padded, dtype=np.int64)
    masks = np.empty(padded, dtype=np.uint64)
    for cell in range(shape[0] * shape[1] * shape[2]):
        if starts[cell] == starts[cell + 1]:
            continue
        n_chunks = _chunks_around(cell, starts, shape, chunks, masks)
        for i in range(starts[cell], starts[cell + 1]):
            x, y, z = atoms.x[i], atoms.y[i], atoms.z[i]
            limit = np.float32(margin - atoms.points[PER_POINT * i + 3])
            own_g = atoms.types[i] * padded
            start = np.uint64(i * ROOM)
            place = start
            for first in range(0, n_chunks, _CHUNKS):
                bits = np.uint64(0)
                for k in range(_CHUNKS):
                    at = chunks[first + k]
                    g = own_g + at
                    sixteen = near(atoms.x, atoms.y, atoms.z, at, atoms.g, g, x, y, z, limit)
                    sixteen &= masks[first + k]
                    if at <= i < at + LANES:
                        sixteen &= ~(_ONE << np.uint64(i - at))
                    bits |= sixteen << np.uint64(k * LANES)
                if place - start + count_bits(bits) > np.uint64(MAX_NEIGHBOURS):
                    place = start + _UNKNOWN
                    break
                while bits:
                    bit = np.int64(lowest_bit(bits))
                    bits &= bits - _ONE
                    atoms.lists[place] = chunks[first + bit // LANES] + bit % LANES
                    place += _ONE
            atoms.counts[i] = place - start


@inner
def _fill_rows(
    atoms: Atoms,
    squares: NDArray[np.float64],
    rows_for: NDArray[np.uint64],
    closest: float,
    margin: float,
) -> int:
    """Fill the adjacency among each atom's neighbours; return how many atoms are doubtful.

    Doubtful is an atom one of whose pairs is too near the cutoff, or too close altogether, for
    float32, or that has more neighbours than there are lanes.
    """
    n_doubtful = 0
    for i in range(len(atoms.counts)):
        n = atoms.counts[i]
        start = np.uint64(i * ROOM)
        sure, everyone = np.uint64(0), _ONE
        if n <= np.uint64(LANES):
            if len(squares) > 1:
                for t in range(len(squares)):
                    for k in range(np.int64(n)):
                        j = atoms.lists[start + np.uint64(k)]
                        atoms.limits[t * LANES + k] = 0.5 * squares[t, atoms.types[j]]
            sure = neighbour_rows(
                atoms.points,
                atoms.limits,
                atoms.limit_of,
                atoms.lists,
                start,
                i,
                _MASKS,
                n * np.uint64(LANES),
                atoms.rows,
                i * LANES,
                rows_for[n],
                closest,
                margin,
            )
            everyone = (_ONE << n) - _ONE
        if sure & everyone != everyone:
            atoms.doubtful[n_doubtful] = i
            n_doubtful += 1
    return n_doubtful


@inner
def _settle_doubts(
    atoms: Atoms, n_doubtful: int, squares: NDArray[np.float64], closest: float
) -> tuple[int, int, int]:
    """List the doubtful atoms' neighbours exactly; mark whose rows that may concern.

    If a pair is in doubt, the rows of their common neighbours are. These are among the neighbours
    of a doubtful atom.
    """
    everyone = np.empty(len(atoms.counts), dtype=np.uint32)
    for i in range(len(everyone)):
        everyone[i] = i
    for i in atoms.doubtful[:n_doubtful]:
        candidates = everyone
        if atoms.counts[i] != _UNKNOWN:
            candidates = atoms.lists[i * ROOM : i * ROOM + np.int64(atoms.counts[i])]
        wrong, other = _list_exactly(atoms, i, candidates, squares, closest)
        if wrong != FINE:
            return wrong, atoms.order[i], atoms.order[other]
        atoms.slow[i] = True
        for place in range(i * ROOM, i * ROOM + np.int64(atoms.counts[i])):
            atoms.slow[atoms.lists[place]] = True
    return FINE, -1, -1


@inner
def _list_exactly(
    atoms: Atoms,
    i: Any,
    candidates: NDArray[np.uint32],
    squares: NDArray[np.float64],
    closest: float,
) -> tuple[int, Any]:
    """List the neighbours of atom i among the candidates, in float64; return what is wrong."""
    n = 0
    for j in candidates:
        if j == i:
            continue
        x = atoms.positions[i, 0] - atoms.positions[j, 0]
        y = atoms.positions[i, 1] - atoms.positions[j, 1]
        z = atoms.positions[i, 2] - atoms.positions[j, 2]
        square = x * x + y * y + z * z
        if 0.5 * square < closest:
            return COINCIDE, np.int64(j)
        if square <= squares[atoms.types[i], atoms.types[j]]:
            if n == MAX_NEIGHBOURS:
                return CROWDED, i
            atoms.lists[i * ROOM + n] = j
            n += 1
    atoms.counts[i] = n
    return FINE, i
