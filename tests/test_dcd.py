"""DCD files against OVITO's reader, the format's layout, and what a kill leaves of them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochart.dcd import DcdWriter, open_dcd
from nanochart.errors import NanochartError
from nanochart.formats import read_structures

N_ATOMS = 5
#: 84 and 2·80 + 4 and 4 bytes, each between two marks; three coordinates of 5 atoms, likewise.
HEADER, RECORD = 92 + 172 + 12, 3 * (4 * N_ATOMS + 8)


def frames(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-20, 20, (n, N_ATOMS, 3)).astype(np.float32)


def writer(path: Path, n_frames: int = 0) -> DcdWriter:
    return DcdWriter(path, n_atoms=N_ATOMS, n_frames=n_frames, timestep=5.0, steps_per_frame=200)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Give a file of frames(7), committed in two pieces."""
    path = tmp_path / "a.dcd"
    with writer(path) as file:
        file.append(frames(7)[:4])
        file.append(frames(7)[4:].astype(np.float64))
    return path


def test_what_is_written_is_read(written: Path) -> None:
    found = open_dcd(written)
    assert (found.n_atoms, found.n_frames, found.cell) == (N_ATOMS, 7, False)
    assert found.interval == pytest.approx(1.0, rel=1e-6)  # float32
    blocks = list(found.frames(1, block=4))
    assert [len(block) for block in blocks] == [4, 2]
    assert np.array_equal(np.concatenate(blocks), frames(7)[1:])
    assert np.array_equal(next(found.frames(2, 3)), frames(7)[2:3])


def test_ovito_reads_the_same(written: Path, require_oracle: Callable[[str], ModuleType]) -> None:
    pipeline = require_oracle("ovito.io").import_file(str(written))
    assert pipeline.source.num_frames == 7
    for i, frame in enumerate(frames(7)):
        assert np.array_equal(pipeline.compute(i).particles.positions[...], frame)


def test_the_bytes_are_those_of_the_format(written: Path) -> None:
    content = written.read_bytes()
    assert len(content) == HEADER + 7 * RECORD
    # CORD; frames, first step, steps between frames, steps in all; five zeros; the time step in
    # units of √(u Å²/(kcal/mol)) = 48.88821 fs; no cell; eight zeros; CHARMM 24.
    control = struct.unpack("<i4s9if10ii", content[:92])
    assert control[:6] == (84, b"CORD", 7, 200, 200, 1400)
    assert control[6:11] == (0,) * 5
    assert control[11] == pytest.approx(5.0 / 48.88821, rel=1e-6)
    assert control[12:] == (0,) * 9 + (24, 84)
    assert struct.unpack("<2i", content[92:100]) == (164, 2)
    assert struct.unpack("<4i", content[260:HEADER]) == (164, 4, N_ATOMS, 4)
    x = content[HEADER + RECORD :][: 4 * N_ATOMS + 8]
    assert struct.unpack(f"<i{N_ATOMS}fi", x) == (20, *frames(7)[1, :, 0], 20)


@settings(max_examples=20, deadline=None)
@given(kept=st.integers(0, 4), rest=st.binary(max_size=3 * RECORD))
def test_what_follows_the_frames_that_count_is_cut_off(
    kept: int, rest: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("dcd") / "a.dcd"
    with writer(path) as file:
        file.append(frames(4))
    whole = path.read_bytes()
    # The header may count frames that nobody committed elsewhere.
    path.write_bytes(whole[: HEADER + kept * RECORD] + rest)
    with writer(path, kept) as file:
        file.append(frames(4)[kept:])
    assert path.read_bytes() == whole


def test_another_trajectory_or_a_shorter_one_is_refused_and_left_alone(written: Path) -> None:
    content = written.read_bytes()
    with pytest.raises(NanochartError, match="no longer holds the 8 frames"):
        writer(written, 8)
    with pytest.raises(NanochartError, match="no longer holds the 2 frames"):
        DcdWriter(written, n_atoms=4, n_frames=2, timestep=5.0, steps_per_frame=200)
    assert written.read_bytes() == content


def test_frames_with_cells_and_a_file_cut_short_are_read(tmp_path: Path) -> None:
    # As LAMMPS writes it: a cell of six doubles before every frame.
    control = struct.pack(
        "<i4s9if10ii", 84, b"CORD", 3, 0, 10, 30, *[0] * 5, 0.02, 1, *[0] * 8, 24, 84
    )
    head = (
        control
        + struct.pack("<2i80s2i", 84, 1, b"one title", 84, 4)
        + struct.pack("<2i", N_ATOMS, 4)
    )
    cell = struct.pack("<i6di", 48, *[50.0, 0.0] * 3, 48)
    body = b""
    for frame in frames(3):
        axes = (frame[:, axis].astype("<f4").tobytes() for axis in range(3))
        mark = struct.pack("<i", 4 * N_ATOMS)
        body += cell + b"".join(mark + axis + mark for axis in axes)
    path = tmp_path / "cells.dcd"
    path.write_bytes(head + body[:-1])
    found = open_dcd(path)
    assert (found.n_frames, found.cell) == (2, True)
    assert np.array_equal(next(found.frames()), frames(3)[:2])
    damaged = bytearray(head + body)
    damaged[len(head) + len(cell)] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(NanochartError, match="frame 0 is damaged"):
        list(open_dcd(path).frames())


def test_no_dcd_is_told(tmp_path: Path) -> None:
    (tmp_path / "no.dcd").write_bytes(b"ITEM: TIMESTEP\n" * 20)
    with pytest.raises(NanochartError, match=r"is not a .* DCD"):
        open_dcd(tmp_path / "no.dcd")
    with pytest.raises(NanochartError, match="no such file"):
        open_dcd(tmp_path / "none.dcd")


def test_every_verb_that_reads_structures_reads_it(written: Path) -> None:
    (block,) = read_structures(written, species="Au")
    assert np.array_equal(block.positions, frames(7))
    assert block.species == "Au"
    # The format knows no elements.
    with pytest.raises(NanochartError, match=r"a\.dcd.*tells no elements; give --species"):
        next(read_structures(written))
