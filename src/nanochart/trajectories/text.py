"""Text trajectories, plain or compressed, of any length: a window of bytes that moves along.

What differs between formats is the head of a frame. A frame counts when its last line has its
end: so what a running simulation has not finished is left for the next time.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.trajectories.frames import Array, Frames, Place, block_size
from nanochart.trajectories.lines import TOO_SHORT, read_lines, skip_lines

_GZIP, _ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
#: Bytes read at a time.
_PIECE = 1 << 22
#: A head longer than this is none.
_LONGEST_HEAD = 1 << 20


class Incomplete(Exception):
    """The text ends within a head: more of it is needed, or there is no more."""


class Malformed(Exception):
    """The text is not of the format."""


@dataclass(frozen=True, eq=False)
class Head:
    """What the head of a frame says.

    ``n_atoms``; ``columns``, as ``read_lines`` takes them; ``names`` of the values; ``atoms_at``
    where the atoms begin; ``cell`` (3, 3) Å, its ``origin`` (3,) Å, and along which of its vectors
    it is ``periodic``; ``time`` ps; ``energy`` eV; ``failed`` a quench that failed.
    """

    n_atoms: int
    columns: NDArray[np.int64]
    names: tuple[str, ...]
    atoms_at: int
    cell: Array | None = None
    origin: Array | None = None
    periodic: NDArray[np.bool_] | None = None
    time: float = np.nan
    energy: float = np.nan
    failed: bool = False


class Format(Protocol):
    """How the frames of a text format begin, and what their columns mean."""

    name: str

    def head(self, text: bytes, at: int) -> Head:
        """Return the head that begins at a place, or raise `Incomplete` or `Malformed`."""
        ...

    def positions(
        self, values: Array, words: NDArray[np.int64], heads: list[Head]
    ) -> tuple[Array, NDArray[np.int64]]:
        """Return positions (n_frames, n_atoms, 3) in Å and the words, in the order of the atoms.

        Parameters
        ----------
        values : ndarray, shape (n_frames, n_atoms, n_values)
        words : ndarray, shape (n_frames, n_atoms)
        heads
            Of the frames, alike in ``names``.
        """
        ...


class Window:
    """Bytes of a file from a place on, decompressed on the way."""

    def __init__(self, path: Path, offset: int) -> None:
        self._path = path
        self._raw = path.open("rb")
        self._stream = _decompressed(path, self._raw)
        self.text = b""
        self.offset = offset  # of the first byte of the text
        if self._stream is self._raw:
            self._raw.seek(offset)
            return
        while offset:  # what is compressed is read through
            piece = self._read(min(offset, _PIECE))
            offset -= len(piece)
            if not piece:
                raise NanochartError(
                    f"{path}: is shorter than when it was read before; restore it, or --overwrite"
                )

    def _read(self, size: int) -> bytes:
        try:
            return bytes(self._stream.read(size))
        except Exception as error:  # zlib.error, zstandard.ZstdError, OSError
            raise NanochartError(f"{self._path}: cannot be read ({error})") from None

    def more(self, at: int) -> bool:
        """Drop what lies before a place, and add a piece; False at the end of the file."""
        piece = self._read(_PIECE)
        self.text = self.text[at:] + piece
        self.offset += at
        return bool(piece)

    @property
    def bytes_read(self) -> int:
        """Of the file as it lies on the disk."""
        return self._raw.tell()

    def close(self) -> None:
        """Close the file."""
        self._raw.close()


def _decompressed(path: Path, raw: IO[bytes]) -> Any:
    """Return a stream of what a file holds: the file itself, or its decompression."""
    magic = raw.read(4)
    raw.seek(0)
    if magic[:2] == _GZIP:
        return _Gzip(raw)
    if magic != _ZSTANDARD:
        return raw
    try:
        import zstandard
    except ImportError:
        raise NanochartError(
            f"{path}: is compressed by zstd, which needs a package: pip install "
            "'nanochart[trajectories]'"
        ) from None
    return zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)


class _Gzip:
    """What a gzip file holds, as far as it goes: Python's own reader gives nothing of a piece that
    lacks its end.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw, self._rest = raw, b""
        self._member = zlib.decompressobj(31)

    def read(self, size: int) -> bytes:
        """Return some bytes, none at the end."""
        while True:
            packed = self._rest or self._raw.read(_PIECE // 4)
            if not packed:
                return b""
            piece = self._member.decompress(packed, size)
            self._rest = self._member.unconsumed_tail
            if self._member.eof:  # another may follow, or padding
                self._rest = self._member.unused_data.lstrip(b"\0")
                self._member = zlib.decompressobj(31)
            if piece:
                return piece


@dataclass
class TextTrajectory:
    """A trajectory in a text format; see `nanochart.trajectories.frames.Trajectory`.

    ``end_at_damage``: the trajectory ends where it cannot be read, instead of an error.
    """

    path: Path
    format: Format
    end_at_damage: bool = False
    n_frames: int | None = None
    cut_off: int | None = None
    extent: int = field(init=False)
    _bytes_read: int = 0

    def __post_init__(self) -> None:
        self.extent = self.path.stat().st_size

    def share_read(self, place: Place) -> float:
        """Return how much of the file was read; a window further than the place."""
        return min(1.0, max(self._bytes_read, 1) / max(self.extent, 1)) if place.frame else 0.0

    def frames(self, numbers: range, place: Place) -> Iterator[Frames]:
        """Yield the frames of these numbers; see `Trajectory`."""
        window = Window(self.path, place.offset)
        try:
            yield from self._blocks(window, numbers, place.frame)
        finally:
            window.close()

    def _blocks(self, window: Window, numbers: range, frame: int) -> Iterator[Frames]:
        self.cut_off = None
        at = 0
        rows: list[_Row] = []
        while frame < numbers.stop:
            found = self._frame(window, at, frame, wanted=frame in numbers)
            if found is None:
                break
            row, at = found
            if row is not None:
                if rows and not rows[0].like(row):
                    yield from self._emitted(rows, full=True)
                    rows = []
                rows.append(row)
                if len(rows) == block_size(row.head.n_atoms):
                    self._bytes_read = window.bytes_read
                    yield from self._emitted(rows, full=True)
                    rows = []
            frame += 1
        self._bytes_read = window.bytes_read
        if rows:
            yield from self._emitted(rows, full=False)

    def _frame(
        self, window: Window, at: int, frame: int, *, wanted: bool
    ) -> tuple[_Row | None, int] | None:
        """Return a frame, if it is wanted, and the place behind it; None at the end."""
        while True:
            try:
                head = self.format.head(window.text, at)
                text = np.frombuffer(window.text, dtype=np.uint8)
                values = np.empty((head.n_atoms if wanted else 0, len(head.names)))
                words = np.zeros(len(values), dtype=np.int64)
                if wanted:
                    end = int(read_lines(text, head.atoms_at, head.columns, values, words))
                else:
                    end = int(skip_lines(text, head.atoms_at, head.n_atoms))
                if end < TOO_SHORT:
                    raise Malformed(f"the line of its atom {-2 - end} is not like its head says")
                if end != TOO_SHORT:
                    if not wanted:
                        return None, end
                    place = Place(frame + 1, window.offset + end)
                    return _Row(head, values, words, place), end
            except Incomplete:
                pass
            except Malformed as error:
                if self.end_at_damage and frame > 0:
                    self.cut_off = frame
                    return None
                raise NanochartError(
                    f"{self.path}: frame {frame} cannot be read ({error}); the file is damaged, "
                    f"or no {self.format.name}"
                ) from None
            if not window.more(at):
                if window.text.strip():
                    self.cut_off = frame
                return None
            at = 0

    def _emitted(self, rows: list[_Row], *, full: bool) -> Iterator[Frames]:
        """Yield rows as frames, parted where atoms are called otherwise."""
        heads = [row.head for row in rows]
        positions, words = self.format.positions(
            np.stack([row.values for row in rows]), np.stack([row.words for row in rows]), heads
        )
        cells = None
        if any(head.cell is not None for head in heads):
            cells = np.stack([_periodic_cell(head) for head in heads])
        parts = np.flatnonzero((words[1:] != words[:-1]).any(axis=1)) + 1
        for first, last in pairwise([0, *parts.tolist(), len(rows)]):
            part = slice(first, last)
            yield Frames.of(
                np.array([row.after.frame - 1 for row in rows[part]]),
                positions[part],
                rows[last - 1].after,
                cells=None if cells is None else cells[part],
                kinds=_spelt(words[first]),
                times=np.array([head.time for head in heads[part]]),
                energies=np.array([head.energy for head in heads[part]]),
                failed=np.array([head.failed for head in heads[part]]),
                full=full and last == len(rows),
            )


@dataclass(frozen=True, eq=False)
class _Row:
    """A frame as it was read."""

    head: Head
    values: Array
    words: NDArray[np.int64]
    after: Place

    def like(self, other: _Row) -> bool:
        return self.values.shape == other.values.shape and self.head.names == other.head.names


def _periodic_cell(head: Head) -> Array:
    """Return the cell (3, 3) with zeros for what is not periodic."""
    if head.cell is None:
        return np.zeros((3, 3))
    return head.cell if head.periodic is None else head.cell * head.periodic[:, np.newaxis]


def _spelt(codes: NDArray[np.int64]) -> tuple[str, ...] | None:
    """Return the words that `read_lines` took as numbers; None where there were none."""
    if not codes.all():
        return None
    spelt = {
        code: int(code).to_bytes(8, "little", signed=True).rstrip(b"\0").decode("ascii", "replace")
        for code in set(codes.tolist())
    }
    return tuple(spelt[code] for code in codes.tolist())


def line_at(text: bytes, at: int) -> tuple[bytes, int]:
    """Return the line that begins at a place, and the place behind it, or raise `Incomplete`."""
    end = text.find(b"\n", at)
    if end < 0:
        if len(text) - at > _LONGEST_HEAD:
            raise Malformed("a line without end")
        raise Incomplete
    return text[at:end].rstrip(b"\r"), end + 1
