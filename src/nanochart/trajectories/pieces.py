"""Atoms that hang together: overlaps, pieces of a frame, and clusters made whole across a cell.

Two atoms at most a cutoff apart are bonded, and what bonds join is a piece. Where a cell is
periodic and a frame does not hang together as it is, a walk from bond to bond puts every atom
beside the one it is bonded to, at its nearest image; pieces are then moved as wholes to the
image nearest to the largest.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.trajectories.frames import Array


@dataclass(frozen=True, eq=False)
class Pieces:
    """What hangs together in each frame.

    Parameters
    ----------
    positions : ndarray, shape (n_frames, n_atoms, 3), Å
        Made whole where a cell was given and it was needed.
    piece : ndarray of int32, shape (n_frames, n_atoms)
        Which piece each atom belongs to; 0 is the largest, and so on.
    nearest : ndarray, shape (n_frames,), Å
        Distance of the two nearest atoms, infinite beyond the cutoff; NaN where a coordinate is
        not finite.
    endless : ndarray of bool, shape (n_frames,)
        A piece that goes on in the next cell: a crystal, a wire, a film.
    """

    positions: Array
    piece: NDArray[np.int32]
    nearest: Array
    endless: NDArray[np.bool_]

    @property
    def apart(self) -> NDArray[np.int64]:
        """Atoms that are not in the largest piece, shape (n_frames,)."""
        return np.asarray((self.piece != 0).sum(axis=1), dtype=np.int64)


def find_pieces(positions: Array, cutoff: float, cells: Array | None = None) -> Pieces:
    """Return what hangs together in each frame, and frames made whole.

    Parameters
    ----------
    positions : ndarray, shape (n_frames, n_atoms, 3), Å
    cutoff
        Two atoms at most this far apart are bonded, Å.
    cells : ndarray, shape (n_frames, 3, 3), Å
        Cell vectors in rows, zeros where nothing is periodic.

    Raises
    ------
    NanochartError
        The vectors of a cell lie in one plane.
    """
    n_frames, n_atoms, _ = positions.shape
    whole = np.array(positions, dtype=np.float64, order="C")
    piece = np.zeros((n_frames, n_atoms), dtype=np.int32)
    nearest, endless = np.empty(n_frames), np.zeros(n_frames, dtype=np.bool_)
    vectors, inverse = np.zeros((0, 3, 3)), np.zeros((0, 3, 3))
    if cells is not None and cells.any():
        vectors, inverse = np.ascontiguousarray(cells), _inverses(cells)
    _fill_pieces(whole, cutoff, vectors, inverse, piece, nearest, endless)
    return Pieces(whole, piece, nearest, endless)


def _inverses(cells: Array) -> Array:
    """Return what makes positions shares of the periodic vectors, (n, 3, 3), zeros for others."""
    try:
        return np.asarray(np.linalg.pinv(cells))
    except np.linalg.LinAlgError:
        raise NanochartError("a cell is no cell: its vectors are not finite") from None


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _fill_pieces(
    positions: NDArray[np.float64],
    cutoff: float,
    vectors: NDArray[np.float64],
    inverse: NDArray[np.float64],
    piece: NDArray[np.int32],
    nearest: NDArray[np.float64],
    endless: NDArray[np.bool_],
) -> None:
    n_atoms = positions.shape[1]
    moved = np.empty((n_atoms, 3))
    other = np.empty(n_atoms, dtype=np.int32)
    for s in range(len(positions)):
        x = positions[s]
        nearest[s] = _join(x, cutoff, piece[s])
        if len(vectors) == 0 or not np.isfinite(nearest[s]) or piece[s].max() == 0:
            continue
        _walk(x, cutoff, vectors[s], inverse[s], moved, other)
        if other.max() < piece[s].max():
            x[:] = moved
            nearest[s] = _join(x, cutoff, piece[s])
            endless[s] = _is_endless(x, cutoff, vectors[s], inverse[s])


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def _join(x: NDArray[np.float64], cutoff: float, piece: NDArray[np.int32]) -> float:
    """Fill in pieces by falling size, as the frame is; return the nearest distance."""
    n = len(x)
    y = np.empty((3, n))
    for i in range(n):
        y[0, i], y[1, i], y[2, i] = x[i, 0], x[i, 1], x[i, 2]
    y0, y1, y2 = y[0], y[1], y[2]
    squares = np.empty(n)
    root = np.arange(n)
    square, least, n_pieces = cutoff * cutoff, np.inf, n
    for i in range(1, n):
        x0, x1, x2 = y0[i], y1[i], y2[i]
        for k in range(i):
            d0, d1, d2 = x0 - y0[k], x1 - y1[k], x2 - y2[k]
            squares[k] = d0 * d0 + d1 * d1 + d2 * d2
        for k in range(i):
            if squares[k] <= square:
                least = min(least, squares[k])
                a, b = _root(root, i), _root(root, k)
                if a != b:
                    root[max(a, b)] = min(a, b)
                    n_pieces -= 1
    if not np.isfinite(x).all():
        return np.nan
    for i in range(n):
        piece[i] = _root(root, i)
    if n_pieces > 1:
        number, names = 0, np.empty(n, dtype=np.int32)
        for i in range(n):  # a root is the earliest atom of its piece
            if piece[i] == i:
                names[i] = number
                number += 1
            piece[i] = names[piece[i]]
        _by_size(piece, n_pieces)
    return float(np.sqrt(least))


@numba.njit(nogil=True, error_model="numpy")
def _root(root: NDArray[np.int64], i: int) -> int:
    """Return the first atom of a piece, and shorten the way to it."""
    while root[i] != i:
        root[i] = root[root[i]]
        i = root[i]
    return i


@numba.njit(nogil=True, error_model="numpy")
def _walk(
    x: NDArray[np.float64],
    cutoff: float,
    vectors: NDArray[np.float64],
    inverse: NDArray[np.float64],
    moved: NDArray[np.float64],
    piece: NDArray[np.int32],
) -> None:
    """Fill in pieces by falling size, and positions made whole."""
    n = len(x)
    square = cutoff * cutoff
    order = np.empty(n, dtype=np.int64)  # atoms in the order of the walk
    left = np.arange(n)
    n_left, n_pieces, done = n, 0, 0
    moved[:] = x
    while n_left > 0:
        start = left[0]
        n_left -= 1
        left[0] = left[n_left]
        order[done] = start
        piece[start] = n_pieces
        head = done
        done += 1
        while head < done:
            i = order[head]
            head += 1
            j = 0
            while j < n_left:
                k = left[j]
                d0 = x[k, 0] - moved[i, 0]
                d1 = x[k, 1] - moved[i, 1]
                d2 = x[k, 2] - moved[i, 2]
                d0, d1, d2 = _nearest_image(d0, d1, d2, vectors, inverse)
                distance = d0 * d0 + d1 * d1 + d2 * d2
                if distance <= square:
                    moved[k, 0], moved[k, 1] = moved[i, 0] + d0, moved[i, 1] + d1
                    moved[k, 2] = moved[i, 2] + d2
                    piece[k] = n_pieces
                    order[done] = k
                    done += 1
                    n_left -= 1
                    left[j] = left[n_left]
                else:
                    j += 1
        n_pieces += 1
    if n_pieces > 1:
        _by_size(piece, n_pieces)
        _gather(moved, piece, n_pieces, vectors, inverse)


@numba.njit(nogil=True, error_model="numpy")
def _nearest_image(
    d0: float,
    d1: float,
    d2: float,
    vectors: NDArray[np.float64],
    inverse: NDArray[np.float64],
) -> tuple[float, float, float]:
    """Return a difference less the lattice vector nearest to it, by its shares of the cell."""
    for axis in range(3):
        share = np.rint(d0 * inverse[0, axis] + d1 * inverse[1, axis] + d2 * inverse[2, axis])
        d0 -= share * vectors[axis, 0]
        d1 -= share * vectors[axis, 1]
        d2 -= share * vectors[axis, 2]
    return d0, d1, d2


@numba.njit(nogil=True, error_model="numpy")
def _by_size(piece: NDArray[np.int32], n_pieces: int) -> None:
    """Number the pieces by falling size, the one with the earlier atom first."""
    sizes = np.zeros(n_pieces, dtype=np.int64)
    for p in piece:
        sizes[p] += 1
    earliest = np.full(n_pieces, len(piece), dtype=np.int64)
    for atom in range(len(piece)):
        earliest[piece[atom]] = min(earliest[piece[atom]], atom)
    rank = np.argsort(-sizes * (len(piece) + 1) + earliest)
    place = np.empty(n_pieces, dtype=np.int32)
    for r in range(n_pieces):
        place[rank[r]] = r
    for atom in range(len(piece)):
        piece[atom] = place[piece[atom]]


@numba.njit(nogil=True, error_model="numpy")
def _gather(
    moved: NDArray[np.float64],
    piece: NDArray[np.int32],
    n_pieces: int,
    vectors: NDArray[np.float64],
    inverse: NDArray[np.float64],
) -> None:
    """Move every piece to the image whose centroid is nearest to that of the largest."""
    centres, sizes = np.zeros((n_pieces, 3)), np.zeros(n_pieces)
    for atom in range(len(moved)):
        sizes[piece[atom]] += 1.0
        centres[piece[atom]] += moved[atom]
    for p in range(n_pieces):
        centres[p] /= sizes[p]
    shift = np.zeros((n_pieces, 3))
    for p in range(1, n_pieces):
        d0, d1 = centres[p, 0] - centres[0, 0], centres[p, 1] - centres[0, 1]
        d2 = centres[p, 2] - centres[0, 2]
        e0, e1, e2 = _nearest_image(d0, d1, d2, vectors, inverse)
        shift[p, 0], shift[p, 1], shift[p, 2] = e0 - d0, e1 - d1, e2 - d2
    for atom in range(len(moved)):
        moved[atom] += shift[piece[atom]]


@numba.njit(nogil=True, error_model="numpy")
def _is_endless(
    x: NDArray[np.float64],
    cutoff: float,
    vectors: NDArray[np.float64],
    inverse: NDArray[np.float64],
) -> bool:
    """Return whether two atoms are bonded through an image, and apart as they are."""
    square = cutoff * cutoff
    for i in range(len(x)):
        for k in range(i):
            d0, d1, d2 = x[k, 0] - x[i, 0], x[k, 1] - x[i, 1], x[k, 2] - x[i, 2]
            e0, e1, e2 = _nearest_image(d0, d1, d2, vectors, inverse)
            apart = d0 * d0 + d1 * d1 + d2 * d2
            if e0 * e0 + e1 * e1 + e2 * e2 <= square and apart > 1.0001 * square:
                return True
    return False
