"""Binary trajectories: what chemfiles, scipy, h5py, ASE and LAMMPS write is read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import ase.io
import numpy as np
import pytest
from ase import Atoms
from scipy.io import netcdf_file

from nanochart.dcd import DcdWriter
from nanochart.errors import NanochartError
from nanochart.landscape import open_landscape
from nanochart.trajectories import frames as frames_module
from nanochart.trajectories.frames import Frames, Place
from nanochart.trajectories.opening import open_trajectory

ALL = range(10**9)
Oracle = Callable[[str], ModuleType]


def clusters(n: int = 40, n_atoms: int = 60) -> np.ndarray:
    rng = np.random.default_rng(n_atoms)
    walk = rng.normal(0, 0.2, (n, n_atoms, 3)).cumsum(axis=0)
    return rng.uniform(-12, 12, (1, n_atoms, 3)) + walk


def read(path: Path, numbers: range = ALL, place: Place | None = None) -> list[Frames]:
    return list(open_trajectory(path).frames(numbers, place or Place()))


def by_chemfiles(path: Path, positions: np.ndarray, chemfiles: ModuleType) -> None:
    with chemfiles.Trajectory(str(path), "w") as trajectory:
        for one in positions:
            frame = chemfiles.Frame()
            frame.resize(len(one))
            frame.positions[:] = one
            frame.cell = chemfiles.UnitCell([50.0, 60.0, 70.0], [90.0, 80.0, 70.0])
            trajectory.write(frame)


@pytest.mark.parametrize("suffix", ["xtc", "dcd", "nc"])
@pytest.mark.parametrize("n_atoms", [5, 60, 400])
def test_what_chemfiles_writes_is_read_as_chemfiles_does(
    suffix: str, n_atoms: int, tmp_path: Path, require_oracle: Oracle
) -> None:
    chemfiles = require_oracle("chemfiles")
    path = tmp_path / f"a.{suffix}"
    positions = clusters(12, n_atoms)
    by_chemfiles(path, positions, chemfiles)
    (block,) = read(path)
    with chemfiles.Trajectory(str(path)) as trajectory:
        for i in range(12):
            frame = trajectory.read_step(i)
            assert np.allclose(block.positions[i], frame.positions, atol=2e-5)
            assert np.allclose(block.cells[i], frame.cell.matrix.T, atol=2e-4)
    assert np.allclose(block.positions, positions, atol=5.1e-3)  # XTC rounds to 0.01 Å
    some = read(path, range(2, 12, 4))
    assert np.array_equal(some[0].positions, block.positions[2::4])


def test_xtc_reads_wide_and_lonely_atoms(tmp_path: Path, require_oracle: Oracle) -> None:
    """Numbers of more than 24 bits have bits of their own; far ones leave no small differences."""
    chemfiles = require_oracle("chemfiles")
    positions = np.random.default_rng(0).uniform(-9e5, 9e5, (3, 30, 3)).round(1)
    with chemfiles.Trajectory(str(tmp_path / "a.xtc"), "w") as trajectory:
        for one in positions:
            frame = chemfiles.Frame()
            frame.resize(len(one))
            frame.positions[:] = one
            trajectory.write(frame)
    (block,) = read(tmp_path / "a.xtc")
    assert np.allclose(block.positions, positions, rtol=2e-7)


@pytest.mark.parametrize("suffix", ["xtc", "dcd", "nc"])
def test_a_file_cut_off_ends_with_its_last_whole_frame(
    suffix: str, tmp_path: Path, require_oracle: Oracle
) -> None:
    path = tmp_path / f"a.{suffix}"
    by_chemfiles(path, clusters(6), require_oracle("chemfiles"))
    (block,) = read(path)
    whole = path.read_bytes()
    for lost in (1, 40, 100):
        path.write_bytes(whole[:-lost])
        trajectory = open_trajectory(path)
        (some,) = trajectory.frames(ALL, Place())
        assert len(some.numbers) == trajectory.cut_off == 5
        assert np.array_equal(some.positions, block.positions[:5])


def test_xtc_reads_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, require_oracle: Oracle
) -> None:
    monkeypatch.setattr(frames_module, "_BLOCK_BYTES", 0)  # 16 frames a block
    by_chemfiles(tmp_path / "a.xtc", clusters(40), require_oracle("chemfiles"))
    blocks = read(tmp_path / "a.xtc")
    assert [len(one.numbers) for one in blocks] == [16, 16, 8]
    assert [one.full for one in blocks] == [True, True, False]
    again = read(tmp_path / "a.xtc", range(16, 100), blocks[0].after)
    assert np.array_equal(again[1].positions, blocks[2].positions)


@pytest.mark.parametrize("version", [1, 2])
def test_netcdf_sorts_by_id_and_scales(version: int, tmp_path: Path) -> None:
    """As LAMMPS writes it: ids, types, a scale factor, two variables of fixed size beside."""
    positions = clusters(5, 9)
    rng = np.random.default_rng(0)
    order = np.stack([rng.permutation(9) for _ in range(5)])
    with netcdf_file(str(tmp_path / "a.nc"), "w", version=version) as file:
        file.Conventions = "AMBER"
        for name, n in (("frame", None), ("atom", 9), ("spatial", 3), ("label", 5)):
            file.createDimension(name, n)
        file.createVariable("spatial", "c", ("spatial",))[:] = b"xyz"
        time = file.createVariable("time", "f", ("frame",))
        time.units, time.scale_factor = "femtosecond", 5.0
        ids = file.createVariable("id", "i", ("frame", "atom"))
        types = file.createVariable("type", "i", ("frame", "atom"))
        coordinates = file.createVariable("coordinates", "d", ("frame", "atom", "spatial"))
        coordinates.units = "nanometer"
        for i in range(5):
            time[i], ids[i], types[i] = i, order[i] + 1, 1 + order[i] % 2
            coordinates[i] = positions[i, order[i]] / 10
    (block,) = read(tmp_path / "a.nc")
    assert np.allclose(block.positions, positions)
    assert block.kinds == ("1", "2") * 4 + ("1",)
    assert np.allclose(block.times, 5e-3 * np.arange(5))


def h5md(path: Path, positions: np.ndarray, h5py: ModuleType) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("particles/gold")
        element = group.create_group("position")
        value = element.create_dataset(
            "value", data=positions / 10, maxshape=(None, *positions.shape[1:])
        )
        value.attrs["unit"] = "nm"
        element.create_dataset("step", data=np.arange(len(positions)))
        time = element.create_dataset("time", data=np.arange(len(positions)) * 100.0)
        time.attrs["unit"] = "fs"
        edges = group.create_group("box")
        edges.attrs["boundary"] = [b"periodic", b"periodic", b"none"]
        edges.create_dataset("edges", data=np.array([4.0, 5.0, 6.0]))
        group.create_dataset("species", data=np.array([79] * positions.shape[1]))


def test_h5md(tmp_path: Path, require_oracle: Oracle) -> None:
    path = tmp_path / "a.h5"
    positions = clusters()
    h5md(path, positions, require_oracle("h5py"))
    (block,) = read(path, range(3, 40, 5))
    assert np.allclose(block.positions, positions[3::5])
    assert np.allclose(block.times, 0.1 * np.arange(3, 40, 5))
    assert np.allclose(block.cells, np.diag([40.0, 50.0, 0.0]))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(NanochartError, match=r"a\.h5: is no readable HDF5"):
        open_trajectory(path)


def test_hdf5_without_h5py_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, require_oracle: Oracle
) -> None:
    h5md(tmp_path / "a.h5", clusters(), require_oracle("h5py"))
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(NanochartError, match=r"nanochart\[trajectories\]"):
        open_trajectory(tmp_path / "a.h5")


def test_ase_s_own(tmp_path: Path) -> None:
    atoms = [Atoms("Au60", positions=one) for one in clusters()]
    ase.io.write(tmp_path / "a.traj", atoms)
    (block,) = read(tmp_path / "a.traj", range(1, 40, 7))
    assert np.array_equal(block.positions, clusters()[1::7])
    assert set(block.kinds or ()) == {"Au"}
    ase.io.write(tmp_path / "POSCAR", Atoms("Au3", cell=[9, 9, 9], pbc=True, positions=np.eye(3)))
    (block,) = read(tmp_path / "POSCAR")
    assert np.allclose(block.positions[0], np.eye(3))


def test_the_times_of_our_own_dcd(tmp_path: Path) -> None:
    with DcdWriter(
        tmp_path / "a.dcd", n_atoms=60, n_frames=0, timestep=5.0, steps_per_frame=200
    ) as trajectory:
        trajectory.append(clusters())
    (block,) = read(tmp_path / "a.dcd")
    assert block.times.tolist() == [1.0 + i for i in range(40)]  # the first frame after 200 steps


def test_a_landscape_gives_its_unique_minima(tmp_path: Path) -> None:
    landscape = open_landscape("au90-small")
    (block,) = read(Path("au90-small"))
    rows = landscape["unique"].read("snapshot")
    assert np.array_equal(block.numbers, rows)
    assert np.array_equal(block.energies, landscape["quenched"].read_rows("energy", rows))
    shutil.copytree(landscape.path, tmp_path / "landscape")
    (again,) = read(tmp_path, range(2, 9))
    assert np.array_equal(again.numbers, rows[2:9])


def test_a_huge_file_is_opened_by_its_head(tmp_path: Path) -> None:
    """80 GB of DCD, nearly all of them a hole in the file: only the frames asked for are read."""
    path = tmp_path / "a.dcd"
    with DcdWriter(path, n_atoms=60, n_frames=0, timestep=5.0, steps_per_frame=200) as trajectory:
        trajectory.append(clusters())
    with path.open("r+b") as file:
        file.seek(8)
        file.write((10**8).to_bytes(4, "little"))
        file.truncate(80 * 10**9)
    found = open_trajectory(path)
    assert found.n_frames is not None
    assert found.n_frames > 10**7
    (block,) = found.frames(range(40), Place())
    assert np.allclose(block.positions, clusters(), atol=1e-5)
    with pytest.raises(NanochartError, match="frame 40 is damaged"):
        list(found.frames(range(40, 50), Place()))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"CDF\x01" + bytes(40), "no variable 'coordinates'"),
        (b"CDF\x07" + bytes(20), "no sound netCDF head"),
        (b"CDF\x01" + b"\xff" * 40, "no sound netCDF head"),
        ((1995).to_bytes(4, "big") + bytes(20), None),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "no readable HDF5"),
        (b"- of Ulm" + bytes(50), "no readable ASE"),
    ],
)
def test_damaged_heads_are_told_in_a_line(content: bytes, told: str | None, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(content)
    if told is None:  # nothing but a frame cut off
        assert read(tmp_path / "bad") == []
        return
    with pytest.raises(NanochartError, match=told) as caught:
        read(tmp_path / "bad")
    assert "\n" not in str(caught.value)
