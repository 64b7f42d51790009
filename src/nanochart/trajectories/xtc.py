"""XTC trajectories of GROMACS: positions rounded to a thousandth of a nm, and packed.

A frame is a head and packed numbers, big-endian. The packing: coordinates as whole numbers of the
rounding length; the numbers of an atom as one number of a mixed base, in as few bits as hold it;
runs of atoms near the one before as small differences, whose bits grow and shrink with the need;
the first two of a run change places, which packs water better. Source: ``xdr3dfcoord`` of
GROMACS' libxdrf.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.trajectories.frames import Frames, Place, block_size

MAGIC = 1995
#: Bytes of a frame before its packed numbers, up to their length; of a frame with nine atoms at
#: most nothing is packed.
_HEAD = np.dtype(
    [
        ("magic", ">i4"), ("n_atoms", ">i4"), ("step", ">i4"), ("time", ">f4"),
        ("box", ">f4", (3, 3)), ("size", ">i4"), ("precision", ">f4"), ("low", ">i4", (3,)),
        ("high", ">i4", (3,)), ("small", ">i4"), ("bytes", ">i4"),
    ]
)  # fmt: skip
_BARE = 56
_FEW = 9
_ANGSTROM = 10.0  # in a nm
_FIRST_SMALL = 9
#: Ranges of small differences: powers of two, and two steps between, in thirds of a bit.
_RANGES = np.array(
    [0] * _FIRST_SMALL
    + [
        8, 10, 12, 16, 20, 25, 32, 40, 50, 64, 80, 101, 128, 161, 203, 256, 322, 406, 512, 645,
        812, 1024, 1290, 1625, 2048, 2580, 3250, 4096, 5060, 6501, 8192, 10321, 13003, 16384,
        20642, 26007, 32768, 41285, 52015, 65536, 82570, 104031, 131072, 165140, 208063, 262144,
        330280, 416127, 524287, 660561, 832255, 1048576, 1321122, 1664510, 2097152, 2642245,
        3329021, 4194304, 5284491, 6658042, 8388607, 10568983, 13316085, 16777216,
    ],
    dtype=np.int64,
)  # fmt: skip


@dataclass
class Xtc:
    """An XTC file; see `nanochart.trajectories.frames.Trajectory`."""

    path: Path
    n_frames: int | None = None
    cut_off: int | None = None
    extent: int = field(init=False)

    def __post_init__(self) -> None:
        self.extent = self.path.stat().st_size

    def share_read(self, place: Place) -> float:
        """Return how much of the file lies before a place."""
        return min(1.0, place.offset / max(self.extent, 1))

    def frames(self, numbers: range, place: Place) -> Iterator[Frames]:
        """Yield the frames of these numbers; see `Trajectory`."""
        self.cut_off = None
        rows: list[_Row] = []
        with self.path.open("rb") as file:
            file.seek(place.offset)
            for frame in range(place.frame, numbers.stop):
                row = self._row(file, frame)
                if row is None:
                    break
                if frame not in numbers:
                    continue
                if rows and row.head["n_atoms"] != rows[0].head["n_atoms"]:
                    yield _unpacked(rows)
                    rows = []
                rows.append(row)
                if len(rows) == block_size(int(row.head["n_atoms"])):
                    yield _unpacked(rows)
                    rows = []
        if rows:
            yield _unpacked(rows, full=False)

    def _row(self, file: IO[bytes], frame: int) -> _Row | None:
        """Return a frame as it is packed, None at the end of the file."""
        start = file.read(_HEAD.itemsize)
        if not start:
            return None
        head = np.frombuffer(start.ljust(_HEAD.itemsize, b"\0"), _HEAD)[0]
        if len(start) >= 8 and (head["magic"] != MAGIC or head["n_atoms"] < 0):
            raise NanochartError(f"{self.path}: frame {frame} is damaged, or this is no XTC file")
        n_atoms, size = int(head["n_atoms"]), int(head["bytes"]) + 3 & ~3
        if n_atoms <= _FEW:  # not packed
            size = 12 * n_atoms
            file.seek(_BARE - len(start), 1)
        content = file.read(size) if len(start) == _HEAD.itemsize or n_atoms <= _FEW else b""
        if len(content) < size or len(start) < _BARE:
            self.cut_off = frame
            return None
        return _Row(head, content, Place(frame + 1, file.tell()))


@dataclass(frozen=True, eq=False)
class _Row:
    """A frame as it lies in the file."""

    head: Any
    content: bytes
    after: Place


def _unpacked(rows: list[_Row], *, full: bool = True) -> Frames:
    """Return frames of equally many atoms."""
    heads = np.array([row.head for row in rows])
    n_atoms = int(heads["n_atoms"][0])
    positions = np.empty((len(rows), n_atoms, 3))
    for row, one in zip(rows, positions, strict=True):
        if n_atoms <= _FEW:
            one[:] = np.frombuffer(row.content, ">f4").reshape(n_atoms, 3)
            continue
        numbers = np.empty((n_atoms, 3), dtype=np.int64)
        head = row.head
        unpack(
            np.frombuffer(row.content, np.uint8),
            head["low"].astype(np.int64),
            head["high"].astype(np.int64),
            int(head["small"]),
            _RANGES,
            numbers,
        )
        # In float32, as GROMACS' own reader has it.
        one[:] = numbers.astype(np.float32) * np.float32(1.0 / np.float64(head["precision"]))
    cells = heads["box"].astype(np.float64) * _ANGSTROM
    return Frames.of(
        np.array([row.after.frame - 1 for row in rows]),
        positions * _ANGSTROM,
        rows[-1].after,
        cells=cells if cells.any() else None,
        times=heads["time"].astype(np.float64),
        full=full,
    )


@numba.njit(nogil=True, cache=True, error_model="numpy")
def unpack(
    packed: NDArray[np.uint8],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    small: int,
    ranges: NDArray[np.int64],
    numbers: NDArray[np.int64],
) -> None:
    """Fill in the whole numbers (n_atoms, 3) that a frame's coordinates were rounded to.

    Parameters
    ----------
    packed
        Bytes.
    low, high : ndarray, shape (3,)
        Smallest and largest number along each axis.
    small
        Which of the ``ranges`` the small differences have at first.
    ranges
        `_RANGES`.
    numbers
        Filled in.
    """
    sizes = high - low + 1
    apart = sizes.max() > 0xFFFFFF  # then every axis has bits of its own
    widths = np.array([_bits_of(size) for size in sizes])
    whole_bits = 0 if apart else _bits_of_product(sizes[0], sizes[1], sizes[2])
    small_sizes = np.full(3, ranges[small])
    half, smaller = ranges[small] // 2, ranges[max(_FIRST_SMALL, small - 1)] // 2
    n_atoms, at, atom, run = len(numbers), 0, 0, 0
    one, before = np.zeros(3, np.int64), np.zeros(3, np.int64)
    while atom < n_atoms:
        if apart:
            for axis in range(3):
                one[axis] = _take(packed, at, widths[axis])
                at += widths[axis]
        else:
            _take_three(packed, at, whole_bits, sizes, one)
            at += whole_bits
        before[:] = one + low
        change = 0
        flag = _take(packed, at, 1)
        at += 1
        if flag:
            run = _take(packed, at, 5)
            at += 5
            change = run % 3 - 1
            run -= run % 3
        if run == 0:
            numbers[atom] = before
            atom += 1
        for k in range(run // 3):
            if atom >= n_atoms:
                break
            _take_three(packed, at, small, small_sizes, one)
            at += small
            one += before - half
            if k == 0 and atom + 1 < n_atoms:  # the first two change places
                numbers[atom] = one
                numbers[atom + 1] = before
                atom += 2
            else:
                numbers[atom] = one
                atom += 1
            before[:] = one
        small += change
        if change < 0:
            half = smaller
            smaller = ranges[small - 1] // 2 if small > _FIRST_SMALL else 0
        elif change > 0:
            smaller = half
            half = ranges[small] // 2
        small_sizes[:] = ranges[small]


@numba.njit(nogil=True, error_model="numpy")
def _bits_of(size: int) -> int:
    """Return in how many bits numbers below a size fit."""
    bits = 0
    while size > 0 and bits < 32 and (1 << bits) <= size:
        bits += 1
    return bits


@numba.njit(nogil=True, error_model="numpy")
def _bits_of_product(a: int, b: int, c: int) -> int:
    """Return in how many bits a number below a·b·c fits, which may be above 2⁶⁴."""
    # Bytes of the product, lowest first.
    product = np.zeros(16, np.int64)
    product[0] = 1
    n = 1
    for size in (a, b, c):
        carry = 0
        for k in range(n):
            carry += product[k] * size
            product[k] = carry & 0xFF
            carry >>= 8
        while carry > 0:
            product[n] = carry & 0xFF
            carry >>= 8
            n += 1
    bits, number = 0, 1
    while product[n - 1] >= number:
        bits += 1
        number *= 2
    return bits + 8 * (n - 1)


@numba.njit(nogil=True, error_model="numpy")
def _take(packed: NDArray[np.uint8], at: int, n_bits: int) -> int:
    """Return the number in n_bits from the bit ``at`` on, highest bit first; 0 beyond the end."""
    number, left = np.int64(0), n_bits
    while left > 0:
        byte, used = at >> 3, at & 7
        taken = min(8 - used, left)
        content = np.int64(packed[byte]) if byte < len(packed) else np.int64(0)
        number = (number << taken) | (content >> (8 - used - taken)) & ((1 << taken) - 1)
        at += taken
        left -= taken
    return int(number)


@numba.njit(nogil=True, error_model="numpy")
def _take_three(
    packed: NDArray[np.uint8],
    at: int,
    n_bits: int,
    sizes: NDArray[np.int64],
    numbers: NDArray[np.int64],
) -> None:
    """Fill in three numbers that are packed as one, in a base of the sizes; lowest byte first."""
    content = np.zeros(16, np.int64)
    n = 0
    left = n_bits
    while left > 8:
        content[n] = _take(packed, at, 8)
        at += 8
        left -= 8
        n += 1
    if left > 0:
        content[n] = _take(packed, at, left)
        n += 1
    for axis in (2, 1):
        rest = 0
        for k in range(n - 1, -1, -1):
            rest = (rest << 8) | content[k]
            content[k] = rest // sizes[axis]
            rest -= content[k] * sizes[axis]
        numbers[axis] = rest
    numbers[0] = content[0] | content[1] << 8 | content[2] << 16 | content[3] << 24
