"""CVs while MD runs: the same as afterwards, the same after a kill; in users' own LAMMPS, too."""

from __future__ import annotations

import csv
import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms

import nanochart as nc
from nanochart.dcd import open_dcd
from nanochart.dynamics.md import MdSettings
from nanochart.errors import NanochartError
from nanochart.progress import silent
from nanochart.sampling.lammps import Engine, _load_lammps
from nanochart.sampling.quench import quench
from nanochart.sampling.rgl import rgl, setfl_table
from nanochart.workflow.course import read_courses
from nanochart.workflow.follow import follow_lammps
from nanochart.workflow.md import run_md

SETTINGS = MdSettings(temperature=500.0, steps_per_frame=20, damping=1.0, seed=4, block=4)
EXAMPLE = Path(__file__).parents[2] / "examples" / "follow_lammps.py"
QUENCHED, THERMAL = Path("au90"), Path("au90-thermal")


@pytest.fixture(scope="module")
def minimum() -> np.ndarray:
    """One Au90 minimum (90, 3) Å that ships."""
    stored = nc.open_landscape("au90-small")["quenched"].read_rows("positions", np.array([3]))
    return np.asarray(stored[0], dtype=np.float64)


@pytest.fixture(scope="module")
def start(minimum: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("start") / "au90.xyz"
    ase.io.write(path, Atoms("Au90", minimum))
    return str(path)


def run(start: str, folder: Path, n_frames: int = 10, **options: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"chart": QUENCHED, "every": 2, "settings": SETTINGS} | options
    return run_md(start, folder / "a.dcd", n_frames=n_frames, progress=silent, **given)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_live_table_says_what_quench_chart_and_classify_say_of_the_frames(
    start: str, tmp_path: Path
) -> None:
    told = run(start, tmp_path)
    table = rows(tmp_path / "a.dcd.cvs.csv")
    assert told["placed_frames"] == len(table) == 5
    assert told["placed"] == "quenched"
    assert [int(row["frame"]) for row in table] == [1, 3, 5, 7, 9]
    np.testing.assert_allclose(
        [float(row["time_ps"]) for row in table], 0.1 * np.array([2, 4, 6, 8, 10])
    )
    frames = np.concatenate(list(open_dcd(tmp_path / "a.dcd").frames()))[1::2]
    minima = quench(frames.astype(np.float64), potential="Au")
    np.testing.assert_allclose([float(row["energy"]) for row in table], minima.energies, atol=1e-5)
    points = nc.load_chart("au90").evaluate(minima.positions)
    cvs = [[float(row[f"cv{k}"]) for k in (1, 2, 3)] for row in table]
    np.testing.assert_allclose(cvs, points.cvs, atol=1e-4)
    assert [int(row["family"]) for row in table] == points.families.tolist()
    assert [int(row["inside"]) for row in table] == points.inside.astype(int).tolist()
    said = nc.classify(minima.positions, species="Au").cluster_class
    assert [row["class"] for row in table] == said.tolist()
    (course,) = read_courses(tmp_path / "a.dcd.cvs.csv")
    assert course.timed
    assert course.name == str(tmp_path / "a.dcd")


def test_watching_does_not_change_the_run_and_a_resumed_table_has_the_same_bits(
    start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("watched", "resumed", "later"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "watched")
    run(start, Path())
    monkeypatch.chdir(tmp_path / "later")
    run(start, Path(), chart=None)
    told = {name: (tmp_path / "watched" / name).read_bytes() for name in ("a.dcd", "a.dcd.csv")}
    assert all(Path(name).read_bytes() == content for name, content in told.items())
    run(start, Path())  # all frames are there: they are only put on the chart
    expected = (tmp_path / "watched" / "a.dcd.cvs.csv").read_bytes()
    assert Path("a.dcd.cvs.csv").read_bytes() == expected
    monkeypatch.chdir(tmp_path / "resumed")
    run(start, Path(), n_frames=7)  # within a block, which is done again
    with Path("a.dcd.cvs.csv").open("ab") as file:
        file.write(b"a.dcd,7,1.0,2")  # what a kill leaves
    run(start, Path(), n_frames=9)
    run(start, Path())
    assert Path("a.dcd.cvs.csv").read_bytes() == expected
    assert Path("a.dcd").read_bytes() == told["a.dcd"]


def test_a_thermal_chart_takes_hot_frames(start: str, tmp_path: Path) -> None:
    told = run(start, tmp_path, n_frames=4, chart=THERMAL, every=1)
    assert told["placed"] == "as they are, hot"
    table = rows(tmp_path / "a.dcd.cvs.csv")
    frames = np.concatenate(list(open_dcd(tmp_path / "a.dcd").frames())).astype(np.float64)
    cvs = [[float(row[f"cv{k}"]) for k in (1, 2, 3)] for row in table]
    np.testing.assert_allclose(cvs, nc.load_chart("au90-thermal").transform(frames), atol=1e-4)
    assert {(row["energy"], row["class"]) for row in table} == {("", "")}


def test_another_chart_or_cluster_is_refused_and_overwriting_takes_the_table_along(
    start: str, tmp_path: Path
) -> None:
    run(start, tmp_path, n_frames=4)
    for options in ({"chart": THERMAL}, {"every": 1}):
        with pytest.raises(NanochartError, match="another chart, or of other frames"):
            run(start, tmp_path, **options)
    with pytest.raises(NanochartError, match="trained on Au147"):
        run(start, tmp_path, chart=Path("au147"))
    run(start, tmp_path, n_frames=4, chart=None)  # without a chart it is left alone
    assert len(rows(tmp_path / "a.dcd.cvs.csv")) == 2
    run(start, tmp_path, n_frames=4, chart=None, overwrite=True)
    assert not (tmp_path / "a.dcd.cvs.csv").exists()


def test_users_own_lammps_is_followed_with_their_own_potential(
    start: str, minimum: np.ndarray, tmp_path: Path
) -> None:
    # Another set than the chart's, as a file that a user might have.
    other = rgl("Au-LoDiS")
    table = tmp_path / "Au.eam.alloy"
    table.write_text(setfl_table(other, mass=196.96657, atomic_number=79))
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), start, str(table), "path.csv", "au90", "60", "20"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "'placed_frames': 4" in done.stdout
    found = rows(tmp_path / "path.csv")
    assert [int(row["frame"]) for row in found] == [0, 20, 40, 60]
    assert [float(row["time_ps"]) for row in found] == [0.0, 0.1, 0.2, 0.3]
    # The start, quenched by the same potential made in another way.
    expected = quench(minimum[np.newaxis], potential=other).energies[0]
    assert float(found[0]["energy"]) == pytest.approx(expected, abs=1e-3)
    assert float(found[0]["energy"]) != pytest.approx(
        quench(minimum[np.newaxis], potential="Au").energies[0], abs=0.1
    )


def lammps_of(minimum: np.ndarray, folder: Path) -> Any:
    """A user's LAMMPS, in a periodic box whose faces cut the cluster."""
    engine = Engine(rgl("Au"), 90)  # for the table
    table = folder / "Au.eam.alloy"
    table.write_text(setfl_table(rgl("Au"), mass=engine.masses[0, 0], atomic_number=79))
    lmp = _load_lammps().lammps(cmdargs=["-screen", "none", "-log", "none"])
    box = 40.0
    lmp.commands_list(
        [
            "units metal",
            "atom_modify map array",
            "boundary p p p",
            f"region box block 0 {box} 0 {box} 0 {box}",
            "create_box 1 box",
        ]
    )
    n = len(minimum)
    lmp.create_atoms(n, list(range(1, n + 1)), [1] * n, np.mod(minimum, box).ravel().tolist())
    lmp.commands_list(
        [
            f"mass 1 {engine.masses[0, 0]}",
            "pair_style eam/alloy",
            f"pair_coeff * * {table} Au",
            "timestep 0.005",
            "velocity all create 300 1",
            "fix move all nve",
        ]
    )
    return lmp


def test_wrapped_coordinates_several_runs_and_a_restart(
    minimum: np.ndarray, tmp_path: Path
) -> None:
    lmp = lammps_of(minimum, tmp_path)
    path = tmp_path / "path.csv"
    follower = follow_lammps(lmp, "au90", path, every=10)
    lmp.command("run 20")
    lmp.command("run 20")
    follower.close()
    found = rows(path)
    assert [int(row["frame"]) for row in found] == [0, 10, 20, 30, 40]
    whole = nc.load_chart("au90").transform(quench(minimum[np.newaxis], potential="Au").positions)
    np.testing.assert_allclose([float(found[0][f"cv{k}"]) for k in (1, 2, 3)], whole[0], atol=2e-3)
    # From a restart at step 20: what lies behind it is told anew.
    lmp.command("reset_timestep 20")
    follower = follow_lammps(lmp, "au90", path, every=10)
    lmp.command("run 10")
    follower.close()
    assert [int(row["frame"]) for row in rows(path)] == [0, 10, 20, 30]
    lmp.command("reset_timestep 0")
    with pytest.raises(NanochartError, match="is there already"):
        follow_lammps(lmp, "au90", path)
    with pytest.raises(NanochartError, match="trained on Au147"):
        follow_lammps(lmp, "au147", tmp_path / "other.csv")
    lmp.close()


def test_a_failure_ends_the_table_and_not_the_run(
    minimum: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lmp = lammps_of(minimum, tmp_path)
    follower = follow_lammps(lmp, "au90", tmp_path / "path.csv", every=10)
    lmp.command("run 10")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        lmp.command("run 20 post no")
    assert int(lmp.extract_global("ntimestep")) == 30
    assert "ends at step 20: [Errno 28]" in capsys.readouterr().err
    with pytest.raises(OSError, match="No space left"):
        follower.close()
    lmp.close()
