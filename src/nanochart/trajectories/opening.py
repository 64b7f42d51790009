"""Which reader a trajectory takes: told by its first bytes, not by its name."""

from __future__ import annotations

import os
from pathlib import Path

from nanochart.errors import NanochartError
from nanochart.landscape import is_landscape
from nanochart.trajectories import dump, hdf5, netcdf, xtc
from nanochart.trajectories.frames import Trajectory
from nanochart.trajectories.hdf5 import Hdf5
from nanochart.trajectories.known import AnyAse, AseTrajectory, DcdTrajectory, LandscapeTrajectory
from nanochart.trajectories.netcdf import NetCdf
from nanochart.trajectories.text import TextTrajectory, Window
from nanochart.trajectories.xtc import Xtc
from nanochart.trajectories.xyz import Xyz


def open_trajectory(
    path: str | os.PathLike[str], *, timestep: float | None = None, end_at_damage: bool = False
) -> Trajectory:
    """Open a trajectory of any length.

    Parameters
    ----------
    path
        A LAMMPS dump, xyz or extended xyz (each plain, .gz or .zst), DCD, XTC, netCDF of AMBER's
        convention, H5MD, ASE's .traj, a landscape or a run folder, or another file that ASE reads.
    timestep
        fs; makes the steps of LAMMPS' text files into times.
    end_at_damage
        A text file ends where it cannot be read, instead of an error.

    Raises
    ------
    NanochartError
        There is none, it is empty, or it cannot be read.
    """
    path = Path(path)
    if path.is_dir() or (not path.exists() and is_landscape(path)):
        return LandscapeTrajectory(path)
    if not path.is_file():
        raise NanochartError(f"{path}: no such file")
    with path.open("rb") as file:
        magic = file.read(24)
    if not magic:
        raise NanochartError(f"{path}: is empty")
    if magic[4:8] == b"CORD" or magic[4:8] == b"VELD" or path.suffix == ".dcd":
        return DcdTrajectory(path)
    if magic[:4] == xtc.MAGIC.to_bytes(4, "big"):
        return Xtc(path)
    if magic[:3] == netcdf.MAGIC:
        return NetCdf(path)
    if magic[:4] == hdf5.MAGIC:
        return Hdf5(path)
    if magic[:8] == b"- of Ulm":
        return AseTrajectory(path)
    return _text(path, timestep, end_at_damage)


def _text(path: Path, timestep: float | None, end_at_damage: bool) -> Trajectory:
    """Return the reader of a text trajectory, or of a file that only ASE may know."""
    window = Window(path, 0)
    try:
        window.more(0)
        start = window.text[:4096].lstrip()
    finally:
        window.close()
    if start.startswith(dump.STARTS):
        return TextTrajectory(path, dump.Dump(timestep), end_at_damage)
    if start.split(b"\n", 1)[0].strip().isdigit():
        return TextTrajectory(path, Xyz(timestep), end_at_damage)
    return AnyAse(path, end_at_damage)
