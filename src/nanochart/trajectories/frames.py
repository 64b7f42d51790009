"""What every trajectory gives: blocks of frames, and the place from which to read on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Bytes of positions that a block may take.
_BLOCK_BYTES = 4_000_000
#: Frames a block has at most.
_MOST_FRAMES = 1024


class Place(NamedTuple):
    """Where a frame begins: its number, from 0, and the byte, where the format needs it.

    In a compressed file bytes are counted as if it were not.
    """

    frame: int = 0
    offset: int = 0


@dataclass(frozen=True, eq=False)
class Frames:
    """Some frames of a trajectory, alike in their atoms.

    Parameters
    ----------
    numbers : ndarray of int64, shape (n_frames,)
        In the file, from 0.
    positions : ndarray, shape (n_frames, n_atoms, 3), Å
    after
        Where the frame behind the last one begins.
    cells : ndarray, shape (n_frames, 3, 3), Å, or None
        Cell vectors in rows, zeros for a direction that is not periodic; None: nothing is.
    kinds : tuple of str, n_atoms long, or None
        What the file calls each atom: its element, or its type as a number; None: it does not say.
    times : ndarray, shape (n_frames,), ps
        NaN where the file does not tell.
    energies : ndarray, shape (n_frames,), eV
        Potential energy, NaN where the file does not tell.
    failed : ndarray of bool, shape (n_frames,)
        Marked in the file as a quench that failed.
    full
        Whether a new block begins behind them, however the file goes on: a place to go on from.
    """

    numbers: NDArray[np.int64]
    positions: Array
    after: Place
    cells: Array | None
    kinds: tuple[str, ...] | None
    times: Array
    energies: Array
    failed: NDArray[np.bool_]
    full: bool

    @classmethod
    def of(
        cls,
        numbers: NDArray[Any],
        positions: NDArray[Any],
        after: Place,
        *,
        cells: Array | None = None,
        kinds: tuple[str, ...] | None = None,
        times: NDArray[Any] | None = None,
        energies: NDArray[Any] | None = None,
        failed: NDArray[Any] | None = None,
        full: bool = True,
    ) -> Frames:
        """Return frames of which a file does not tell everything."""
        n = len(numbers)
        return cls(
            np.asarray(numbers, dtype=np.int64),
            np.asarray(positions, dtype=np.float64),
            after,
            cells,
            kinds,
            np.full(n, np.nan) if times is None else np.asarray(times, dtype=np.float64),
            np.full(n, np.nan) if energies is None else np.asarray(energies, dtype=np.float64),
            np.zeros(n, dtype=np.bool_) if failed is None else np.asarray(failed, dtype=np.bool_),
            full,
        )


class Trajectory(Protocol):
    """A file, or a folder, of frames.

    ``n_frames``: how many there are, None where only reading tells; ``extent``: a number that
    grows when frames come; ``cut_off``: the frame that turned out to be cut off at the end of the
    file, if one did.
    """

    path: Path
    n_frames: int | None
    extent: int
    cut_off: int | None

    def frames(self, numbers: range, place: Place) -> Iterator[Frames]:
        """Yield the frames of these numbers that the file has, in blocks.

        A block is full with ``block_size`` frames, or where the atoms change. One that goes on
        behind a full block makes the same blocks as one that never stopped.

        Parameters
        ----------
        numbers
            Rising.
        place
            Of a frame not behind the first of them.
        """
        ...

    def share_read(self, place: Place) -> float:
        """Return how much of the file lies before a place, from 0 to 1."""
        ...


def block_size(n_atoms: int) -> int:
    """Return how many frames make a block: some MB of positions."""
    return max(16, min(_MOST_FRAMES, _BLOCK_BYTES // (24 * max(n_atoms, 1))))


def blocks_of(numbers: range, n_frames: int, size: int) -> Iterator[range]:
    """Yield ``numbers`` below ``n_frames``, ``size`` at a time: for files of known length."""
    numbers = range(numbers.start, min(numbers.stop, n_frames), numbers.step)
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


def cell_of_lengths(lengths: NDArray[Any], angles: NDArray[Any]) -> Array:
    """Return cell vectors (n, 3, 3) from lengths (n, 3) and angles (n, 3), degrees.

    The first vector along x, the second in the plane of x and y; zeros where a length is zero.
    """
    lengths = np.asarray(lengths, dtype=np.float64)
    cosines = np.cos(np.radians(np.asarray(angles, dtype=np.float64)))
    cosines[np.abs(cosines) < 1e-12] = 0.0  # right angles
    alpha, beta, gamma = cosines.T
    sine = np.sqrt(np.maximum(1.0 - gamma**2, 1e-300))
    vectors = np.zeros((len(lengths), 3, 3))
    vectors[:, 0, 0] = 1.0
    vectors[:, 1, 0], vectors[:, 1, 1] = gamma, sine
    vectors[:, 2, 0] = beta
    vectors[:, 2, 1] = (alpha - beta * gamma) / sine
    vectors[:, 2, 2] = np.sqrt(np.maximum(1.0 - beta**2 - vectors[:, 2, 1] ** 2, 0.0))
    return np.asarray(vectors * lengths[:, :, np.newaxis])
