"""Text trajectories: what ASE reads of them is read, from the beginning or from any frame on."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import ase.io
import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochart.errors import NanochartError
from nanochart.trajectories import frames as frames_module
from nanochart.trajectories.frames import Frames, Place
from nanochart.trajectories.lines import TOO_SHORT, read_lines
from nanochart.trajectories.opening import open_trajectory

ALL = range(10**9)
N, N_ATOMS = 7, 12
TILTED = np.array([[20.0, 0, 0], [3.0, 18.0, 0], [-2.0, 4.0, 22.0]])


def positions(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.5, 15.0, (N, N_ATOMS, 3))


def dump(
    columns: str,
    values: np.ndarray,
    *,
    cell: np.ndarray = TILTED,
    boundary: str = "pp pp pp",
    shuffled: bool = True,
    head: str = "",
) -> str:
    """Return a LAMMPS dump of values (n, n_atoms, k) in the columns after ``id element``."""
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = cell
    low = np.array([min(0, xy, xz, xy + xz), min(0, yz), 0])
    high = np.array([lx + max(0, xy, xz, xy + xz), ly + max(0, yz), lz])
    tilts = np.array([xy, xz, yz])
    rng, text = np.random.default_rng(1), []
    for step, one in enumerate(values):
        text += [head.format(time=0.25 * step)] if head else []
        text += ["ITEM: TIMESTEP", str(500 * step), "ITEM: NUMBER OF ATOMS", str(len(one))]
        text += [f"ITEM: BOX BOUNDS xy xz yz {boundary}"]
        text += [f"{a} {b} {t}" for a, b, t in zip(low, high, tilts, strict=True)]
        text += [f"ITEM: ATOMS id element {columns}"]
        order = rng.permutation(len(one)) if shuffled else range(len(one))
        for i in order:
            text += [
                f"{i + 1} {'Au' if i % 2 else 'C'} " + " ".join(repr(float(v)) for v in one[i])
            ]
    return "\n".join(text) + "\n"


def read(path: Path, numbers: range = ALL, place: Place | None = None) -> list[Frames]:
    return list(open_trajectory(path).frames(numbers, place or Place()))


def joined(blocks: list[Frames]) -> tuple[np.ndarray, list[int]]:
    return (
        np.concatenate([one.positions for one in blocks]),
        np.concatenate([one.numbers for one in blocks]).tolist(),
    )


@pytest.mark.parametrize("columns", ["x y z", "xu yu zu", "xs ys zs", "xsu ysu zsu"])
def test_a_dump_says_what_ase_reads_in_it(columns: str, tmp_path: Path) -> None:
    values = positions()
    if "s" in columns:
        values = values @ np.linalg.inv(TILTED)
    text = dump(columns, values)
    (tmp_path / "md.dump").write_text(text)
    (block,) = read(tmp_path / "md.dump")
    oracle = ase.io.read(io.StringIO(text), ":", format="lammps-dump-text")
    for i, atoms in enumerate(oracle):
        assert np.allclose(block.positions[i], atoms.positions, atol=1e-10)
        assert np.allclose(block.cells[i], atoms.cell.array, atol=1e-10)
        assert list(block.kinds) == atoms.get_chemical_symbols()
    assert np.isnan(block.times).all()


def test_images_unwrap_a_dump(tmp_path: Path) -> None:
    inside = positions()
    images = np.random.default_rng(2).integers(-2, 3, inside.shape)
    (tmp_path / "md.dump").write_text(
        dump("x y z ix iy iz", np.concatenate([inside, images], axis=2))
    )
    (block,) = read(tmp_path / "md.dump")
    assert np.allclose(block.positions, inside + images @ TILTED, atol=1e-10)


def test_directions_that_are_not_periodic_have_no_cell(tmp_path: Path) -> None:
    (tmp_path / "md.dump").write_text(dump("x y z", positions(), boundary="pp ff ss"))
    (block,) = read(tmp_path / "md.dump")
    assert np.array_equal(block.cells[0] != 0, [[True, False, False], [False] * 3, [False] * 3])


def test_times_come_from_the_dump_or_from_its_steps(tmp_path: Path) -> None:
    (tmp_path / "md.dump").write_text(dump("x y z", positions()))
    trajectory = open_trajectory(tmp_path / "md.dump", timestep=5.0)
    (block,) = trajectory.frames(ALL, Place())
    assert block.times.tolist() == [2.5 * i for i in range(N)]  # 500 steps of 5 fs
    head = "ITEM: UNITS\nreal\nITEM: TIME\n{time}"
    (tmp_path / "real.dump").write_text(dump("x y z", positions(), head=head))
    (block,) = read(tmp_path / "real.dump")
    assert np.allclose(block.times, 0.25e-3 * np.arange(N))  # fs


@pytest.mark.parametrize("form", ["xyz", "extxyz"])
def test_xyz_says_what_ase_reads_in_it(form: str, tmp_path: Path) -> None:
    atoms = [
        Atoms("Au11C", positions=one, cell=TILTED, pbc=(True, False, True), info={"energy": -i / 7})
        for i, one in enumerate(positions())
    ]
    if form == "extxyz":
        for i, one in enumerate(atoms):
            one.new_array("charges", np.arange(24.0).reshape(12, 2))
            one.info["converged"] = i != 3
    ase.io.write(tmp_path / "a.xyz", atoms, format=form)
    (block,) = read(tmp_path / "a.xyz")
    assert np.allclose(block.positions, positions(), atol=1e-8)
    assert list(block.kinds) == atoms[0].get_chemical_symbols()
    if form == "extxyz":
        assert np.allclose(block.cells[0], TILTED * np.array([[1], [0], [1]]))
        assert np.allclose(block.energies, [-i / 7 for i in range(N)], atol=1e-7)
        assert block.failed.tolist() == [i == 3 for i in range(N)]


def compressed(path: Path, how: str, zstandard: ModuleType) -> Path:
    content = path.read_bytes()
    packed = gzip.compress(content) if how == "gz" else zstandard.ZstdCompressor().compress(content)
    other = path.with_name(f"{path.name}.{how}")
    other.write_bytes(packed)
    return other


@pytest.mark.parametrize("how", ["", "gz", "zst"])
@pytest.mark.parametrize("form", ["dump", "xyz"])
def test_reading_on_gives_the_blocks_of_one_go(
    form: str,
    how: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    require_oracle: Callable[[str], ModuleType],
) -> None:
    monkeypatch.setattr(frames_module, "_BLOCK_BYTES", 0)  # 16 frames a block
    path = tmp_path / f"a.{form}"
    some = np.random.default_rng(0).uniform(0, 9, (50, N_ATOMS, 3))
    if form == "dump":
        path.write_text(dump("x y z", some))
    else:
        ase.io.write(path, [Atoms("Au12", positions=one) for one in some], format="extxyz")
    if how:
        path = compressed(path, how, require_oracle("zstandard"))
    numbers = range(1, 50, 3)
    blocks = read(path, numbers)
    assert joined(blocks)[1] == list(numbers)
    assert np.allclose(joined(blocks)[0], some[1::3], atol=1e-8)
    assert [one.full for one in blocks] == [True, False]
    rest = read(path, range(blocks[0].after.frame + 2, 50, 3), blocks[0].after)
    assert np.array_equal(rest[0].positions, blocks[1].positions)
    assert rest[0].after == blocks[1].after


@pytest.mark.parametrize("how", ["", "gz", "zst"])
@pytest.mark.parametrize("form", ["dump", "xyz"])
@settings(max_examples=12, deadline=None)
@given(kept=st.floats(0.3, 1.0))
def test_a_file_cut_off_anywhere_ends_with_its_last_whole_frame(
    form: str, how: str, kept: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    zstandard = pytest.importorskip("zstandard")
    path = tmp_path_factory.mktemp("cut") / f"a.{form}"
    if form == "dump":
        path.write_text(dump("x y z", positions()))
    else:
        ase.io.write(path, [Atoms("Au12", positions=one) for one in positions()], format="extxyz")
    content = path.read_bytes()
    cut = content[: int(kept * len(content))]
    lines = content.count(b"\n") // N  # of a frame
    whole = cut.count(b"\n") // lines
    path.write_bytes(cut)
    if how:
        path = compressed(path, how, zstandard)
    if how == "gz":
        path.write_bytes(path.read_bytes()[:-12])  # without its end, as while it is written
    trajectory = open_trajectory(path)
    blocks = list(trajectory.frames(ALL, Place()))
    found = sum(len(one.numbers) for one in blocks)
    if how != "gz":
        assert found == whole
        rest = cut.split(b"\n", whole * lines)[-1]
        assert trajectory.cut_off == (whole if rest.strip() else None)
    if found:
        assert np.allclose(joined(blocks)[0], positions()[:found], atol=1e-8)


def test_frames_of_other_atoms_come_in_blocks_of_their_own(tmp_path: Path) -> None:
    atoms = [Atoms("Au3", positions=positions()[0, :3])] * 2
    atoms += [Atoms("Au2", positions=positions()[0, :2])]
    atoms += [Atoms("AuAg", positions=positions()[0, :2])]
    ase.io.write(tmp_path / "a.xyz", atoms, format="extxyz")
    blocks = read(tmp_path / "a.xyz")
    assert [one.numbers.tolist() for one in blocks] == [[0, 1], [2], [3]]
    assert [one.kinds for one in blocks] == [("Au",) * 3, ("Au", "Au"), ("Au", "Ag")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2\n\nAu 0 0 0\nAu 0 0\n", "line of its atom 1"),
        ("2\n\nAu 0 0 0\nAu 0 zero 0\n", "line of its atom 1"),
        ("1\n\nAu 0 0 0\nnine\n\n", "frame 1 cannot be read"),
        ("1\nProperties=species:S:1:force:R:3\nAu 0 0 0\n", "no positions"),
        ("ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\nITEM: ATOMS id q\n1 2\n", "no x y z"),
        ("ITEM: TIMESTEP\nzero\nITEM: NUMBER OF ATOMS\n1\n", "is no number"),
    ],
)
def test_damage_is_told_with_its_frame(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text(text)
    with pytest.raises(NanochartError, match=told) as caught:
        read(tmp_path / "bad")
    assert "frame" in str(caught.value)
    assert "\n" not in str(caught.value)


@given(
    value=st.floats(allow_nan=False, allow_infinity=False, min_value=-1e30, max_value=1e30),
    form=st.sampled_from(["r", ".17g", ".8f", ".3e", "+.6E"]),
)
def test_numbers_are_read_to_their_last_place(value: float, form: str) -> None:
    word = repr(value) if form == "r" else format(value, form)
    text = np.frombuffer(f" {word}\tAu \r\n".encode(), np.uint8)
    values, words = np.empty((1, 1)), np.zeros(1, np.int64)
    assert read_lines(text, 0, np.array([0, -2]), values, words) == len(text)
    assert values[0, 0] == pytest.approx(float(word), rel=1e-15, abs=1e-300)
    assert int(words[0]).to_bytes(8, "little").rstrip(b"\0") == b"Au"
    for end in range(len(text)):
        assert read_lines(text[:end], 0, np.array([0, -2]), values, words) == TOO_SHORT


def test_an_endless_file_is_opened_and_ended_in_time(tmp_path: Path) -> None:
    # 80 GB, of which only the first frame is there: nothing of the rest is read to open it.
    (tmp_path / "a.xyz").write_text("1\n\nAu 0 0 0\n")
    with (tmp_path / "a.xyz").open("r+b") as file:
        file.truncate(80 * 10**9)
    trajectory = open_trajectory(tmp_path / "a.xyz")
    (block,) = trajectory.frames(range(1), Place())
    assert block.positions.shape == (1, 1, 3)
    assert trajectory.extent == 80 * 10**9
