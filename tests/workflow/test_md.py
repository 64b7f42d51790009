"""Trajectories on the disk: killed, continued, cut short, refused."""

from __future__ import annotations

import base64
import csv
import errno
import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.cluster import Icosahedron

from nanochart.chart.chart import load_chart
from nanochart.dcd import open_dcd
from nanochart.dynamics.md import MdSettings
from nanochart.errors import NanochartError
from nanochart.landscape import open_landscape
from nanochart.progress import silent
from nanochart.sampling.lammps import engine_for
from nanochart.sampling.rgl import energy_and_forces, rgl
from nanochart.sampling.seeds import seed_clusters
from nanochart.workflow.md import run_md, whole_number
from nanochart.workflow.start import find_start

GOLD = rgl("Au")
SETTINGS = MdSettings(temperature=500.0, steps_per_frame=5, damping=1.0, seed=4, block=4)
N_FRAMES = 26  # six blocks and a half
#: The same on the command line.
ARGUMENTS = [
    *("md", "ih", "--species=Au", "--n-atoms=13", "--temperature=500", "--interval=0.025"),
    *("--damping=1", "--seed=4", "--block=4", "--time=0.00065", "--output=a.dcd"),
]

#: Runs the command line, but dies with SIGKILL before its n-th ``fsync``.
KILLED = """
import os, signal, sys
from nanochart import cli
fsync, left = os.fsync, int(sys.argv[1])
def fsync_or_die(handle):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(handle)
os.fsync = fsync_or_die
sys.argv = ["nanochart", *sys.argv[2:]]
cli.main()
"""


LJ_FILE = """
[system]
species = "Ar"
n_atoms = 55
[potential]
kind = "lennard-jones"
epsilon = 0.0103
sigma = 3.4
wall = 12.0
[sampling]
temperatures = [10]
cycles = 10
"""


def test_a_potential_of_ones_own_is_taken_from_a_run_file(tmp_path: Path) -> None:
    (tmp_path / "lj.toml").write_text(LJ_FILE, encoding="utf-8")
    run(
        tmp_path,
        species=None,
        potential=str(tmp_path / "lj.toml"),
        settings=replace(SETTINGS, temperature=1.0),
        n_frames=4,
    )
    record = json.loads((tmp_path / "a.dcd.json").read_text())["settings"]
    assert record["species"] == "Ar"
    assert "wall of 12" in record["potential"]
    table = (tmp_path / "a.dcd.csv").read_text().splitlines()
    last = dict(zip(table[0].split(","), table[-1].split(","), strict=True))
    energy = float(last["energy_eV"])
    assert energy / 0.0103 == pytest.approx(-44.33, abs=0.5)  # 13 of its atoms, at the bottom
    # A run folder holds its run file.
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.toml").write_text(LJ_FILE, encoding="utf-8")
    begin = find_start("ih", species=None, n_atoms=13, potential=str(folder))
    assert begin.potential.name == record["potential"]
    with pytest.raises(NanochartError, match="is for Ar, but the cluster is of Au"):
        find_start("ih", species="Au", n_atoms=13, potential=str(folder))


def run(folder: Path, **options: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "start": "ih",
        "output": folder / "a.dcd",
        "settings": SETTINGS,
        "n_frames": N_FRAMES,
        "species": "Au",
        "n_atoms": 13,
        "progress": silent,
    }
    given |= options
    return run_md(given.pop("start"), given.pop("output"), **given)


def content(folder: Path) -> dict[str, bytes]:
    """Return trajectory, table, and what must be the same of the record."""
    record = json.loads((folder / "a.dcd.json").read_text())
    same = {name: record[name] for name in ("frames", "settings", "state")}
    return {
        "trajectory": (folder / "a.dcd").read_bytes(),
        "table": (folder / "a.dcd.csv").read_bytes(),
        "record": json.dumps(same).encode(),
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("md")
    run(folder)
    return content(folder)


def test_a_run_killed_at_any_write_ends_with_the_bits_of_an_undisturbed_one(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    chance = random.Random(7)
    for _ in range(5):
        # The start makes 4 of them, a block 4: of trajectory, its header, table, record.
        command = [sys.executable, "-c", KILLED, str(chance.randint(3, 14)), *ARGUMENTS]
        killed = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        assert killed.returncode in (0, -signal.SIGKILL), killed.stderr.decode()
        if killed.returncode == 0:
            break
        record = json.loads((tmp_path / "a.dcd.json").read_text())
        assert record["frames"] % 4 == 0
    run(tmp_path)
    assert content(tmp_path) == undisturbed


@pytest.mark.parametrize("steps", [(1, 3, 4, 26), (9, 26), (24, 26)])
def test_more_time_continues_to_the_same_bits(
    steps: tuple[int, ...], undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    for n_frames in steps:
        told = run(tmp_path, n_frames=n_frames)
        assert told["frames"] == n_frames == open_dcd(tmp_path / "a.dcd").n_frames
    assert content(tmp_path) == undisturbed
    before = (tmp_path / "a.dcd").stat().st_mtime_ns
    assert run(tmp_path, n_frames=5)["frames"] == N_FRAMES  # less is there already
    assert (tmp_path / "a.dcd").stat().st_mtime_ns == before
    assert content(tmp_path) == undisturbed


def test_what_a_kill_left_behind_the_last_commit_is_discarded(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    run(tmp_path, n_frames=8)
    for name in ("a.dcd", "a.dcd.csv"):
        with (tmp_path / name).open("ab") as file:
            file.write(b"half a frame" * 60)
    run(tmp_path)
    assert content(tmp_path) == undisturbed


def test_a_full_disk_is_told_and_costs_no_committed_frame(
    undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, calls = os.fsync, 0

    def full(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 11:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(NanochartError, match=r"a\.dcd.*No space left on device"):
            run(tmp_path)
    assert json.loads((tmp_path / "a.dcd.json").read_text())["frames"] > 0
    run(tmp_path)
    assert content(tmp_path) == undisturbed


def test_the_table_tells_time_energy_and_temperature_of_every_frame(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "a.dcd").write_bytes(undisturbed["trajectory"])
    frames = np.concatenate(list(open_dcd(tmp_path / "a.dcd").frames()))
    rows = list(csv.DictReader(undisturbed["table"].decode().splitlines()))
    assert [int(row["frame"]) for row in rows] == list(range(N_FRAMES))
    # 5 steps of 5 fs.
    assert [float(row["time_ps"]) for row in rows] == pytest.approx(
        0.025 * np.arange(1, N_FRAMES + 1)
    )
    for frame, row in zip(frames, rows, strict=True):
        expected = energy_and_forces(frame.astype(float), GOLD)[0]
        assert float(row["energy_eV"]) == pytest.approx(expected, abs=1e-4)
        assert 50 < float(row["temperature_K"]) < 1200


def test_the_record_says_what_was_done(tmp_path: Path) -> None:
    run(tmp_path)
    record = json.loads((tmp_path / "a.dcd.json").read_text())
    assert record["settings"]["start"] == "Ih"
    assert record["settings"]["species"] == record["settings"]["potential"] == "Au"
    (by,) = record["computed_by"]
    assert by["from_frame"] == 0
    assert {"nanochart", "lammps", "machine", "date"} <= by.keys()


def test_147_atoms_of_ih_are_the_mackay_icosahedron() -> None:
    begin = find_start("IH", species="Au", n_atoms=147, potential=None)
    assert begin.name == "Ih"
    engine = engine_for(GOLD, 147)
    mackay = engine.quench(Icosahedron("Au", 4, latticeconstant=4.07).positions)
    found = seed_clusters(engine, motifs=(begin.name,))[0]
    assert found.energy == pytest.approx(mackay.energy, abs=1e-5)


def test_a_file_may_give_the_start(tmp_path: Path) -> None:
    sites = Icosahedron("Au", 2, latticeconstant=4.07).positions
    shapes = [Atoms("Au13", positions=factor * sites) for factor in (1.0, 1.01)]
    ase.io.write(tmp_path / "two.extxyz", shapes)
    given = {"start": str(tmp_path / "two.extxyz"), "species": None, "n_atoms": None}
    run(tmp_path, **given, frame=1, n_frames=2)
    first = next(open_dcd(tmp_path / "a.dcd").frames(0, 1))[0]
    assert np.abs(first - (1.01 * sites - 1.01 * sites.mean(axis=0))).max() < 0.3
    # The same positions from another place are the same run; another frame is not.
    ase.io.write(tmp_path / "one.extxyz", shapes[1])
    told = run(tmp_path, **{**given, "start": str(tmp_path / "one.extxyz")}, n_frames=3)
    assert told["continued_from_frame"] == 2
    with pytest.raises(NanochartError, match=r"another run \(start sha256"):
        run(tmp_path, **given, frame=0)
    with pytest.raises(NanochartError, match="has no frame 2"):
        run(tmp_path, **given, frame=2)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"start": "zz"}, "zz: no such file, and no motif"),
        ({"species": None}, "needs --species"),
        ({"n_atoms": None}, "needs --n-atoms"),
        ({"n_atoms": 1}, "at least 2 atoms"),
        ({"species": "Fe"}, "unknown potential 'Fe'"),
        ({"potential": "Ag"}, "is for Ag, not Au"),
        ({"output": Path("no/such/a.dcd")}, "its folder does not exist"),
        ({"output": Path("a.xyz")}, r"ends in \.dcd"),
    ],
)
def test_a_bad_start_or_output_is_refused_and_nothing_written(
    options: dict[str, Any], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NanochartError, match=told) as caught:
        run(tmp_path, **options)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_start_in_pieces_is_refused_and_nothing_written(tmp_path: Path) -> None:
    far = np.arange(39.0).reshape(13, 3) * 40
    ase.io.write(tmp_path / "far.extxyz", Atoms("Au13", positions=far))
    with pytest.raises(NanochartError, match="too far apart to be one cluster"):
        run(tmp_path, start=str(tmp_path / "far.extxyz"))
    assert [path.name for path in tmp_path.iterdir()] == ["far.extxyz"]


def test_another_run_s_output_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    run(tmp_path, n_frames=6)
    before = content(tmp_path)
    other = replace(SETTINGS, temperature=450.0)
    with pytest.raises(NanochartError, match=r"6 frames of another run \(temperature 500\.0 inst"):
        run(tmp_path, settings=other)
    assert content(tmp_path) == before
    told = run(tmp_path, settings=other, n_frames=3, overwrite=True)
    assert (told["frames"], told["continued_from_frame"]) == (3, 0)
    assert open_dcd(tmp_path / "a.dcd").n_frames == 3


@pytest.mark.parametrize("name", ["a.dcd", "a.dcd.csv"])
def test_a_file_of_somebody_else_is_not_touched(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(NanochartError, match="is there already"):
        run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("name", ["a.dcd", "a.dcd.csv", "a.dcd.json"])
def test_a_damaged_run_is_told(name: str, tmp_path: Path) -> None:
    run(tmp_path, n_frames=8)
    damaged = (tmp_path / name).read_bytes()[:-20]
    (tmp_path / name).write_bytes(damaged)
    with pytest.raises(NanochartError, match=rf"{name}: (no longer|is cut short|.*is damaged)"):
        run(tmp_path)
    assert (tmp_path / name).read_bytes() == damaged


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    with pytest.raises(NanochartError, match="another nanochart is at work"):
        run(tmp_path, progress=lambda *_, **__: run(tmp_path))


def test_a_cluster_that_flies_apart_keeps_its_committed_frames(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    run(tmp_path, n_frames=8)
    record = json.loads((tmp_path / "a.dcd.json").read_text())
    velocities = np.frombuffer(base64.b64decode(record["state"]["velocities"])) * 1000
    record["state"]["velocities"] = base64.b64encode(velocities.tobytes()).decode()
    (tmp_path / "a.dcd.json").write_text(json.dumps(record))
    with pytest.raises(NanochartError, match=r"^after 0\.0002 ns: .*lost an atom") as caught:
        run(tmp_path)
    assert "\n" not in str(caught.value)
    assert json.loads((tmp_path / "a.dcd.json").read_text())["frames"] == 8
    assert open_dcd(tmp_path / "a.dcd").n_frames == 8
    size = (tmp_path / "a.dcd").stat().st_size
    # But for the count in the header.
    assert (tmp_path / "a.dcd").read_bytes()[24:] == undisturbed["trajectory"][24:size]


def test_times_that_do_not_fit_are_refused() -> None:
    assert whole_number(2000e3, 1.0, "--time", "--interval") == 2_000_000
    assert whole_number(0.3, 0.1, "--time", "--interval") == 3
    for length, part in ((1.0, 0.3), (0.4, 1.0), (-1.0, 1.0), (1.0, 0.0), (float("nan"), 1.0)):
        with pytest.raises(NanochartError, match="--time"):
            whole_number(length, part, "--time", "--interval")


def test_a_run_begins_at_a_snapshot_or_at_a_family_of_a_run_folder(small_run: Path) -> None:
    landscape = open_landscape(small_run)
    quenched = landscape["quenched"].read("positions").astype(np.float64)
    at_snapshot = find_start(str(small_run), species=None, n_atoms=None, frame=7, potential=None)
    assert np.array_equal(at_snapshot.positions, quenched[7])
    assert (at_snapshot.n_atoms, at_snapshot.potential.name) == (20, "Au")
    chart = load_chart(small_run / "chart.safetensors")
    at_family = find_start(str(small_run), species=None, n_atoms=None, family=0, potential=None)
    # The nearest to the centre of all distinct structures, by the chart itself.
    distinct = quenched[landscape["unique"].read("snapshot")]
    away = np.linalg.norm(chart.transform(distinct) - chart.families[0].centre, axis=1)
    here = chart.transform(at_family.positions[np.newaxis])[0] - chart.families[0].centre
    assert np.linalg.norm(here) == pytest.approx(away.min(), abs=1e-4)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, "say where to begin"),
        ({"frame": 1, "family": 0}, "say where to begin"),
        ({"frame": 10_000}, "no snapshot 10000"),
        ({"family": 10_000}, "no family 10000"),
        ({"frame": 0, "potential": "Ag"}, "is for Ag"),
    ],
)
def test_what_a_run_folder_does_not_hold_is_refused(
    small_run: Path, options: dict[str, Any], line: str
) -> None:
    given = {"species": None, "n_atoms": None, "potential": None} | options
    with pytest.raises(NanochartError, match=line):
        find_start(str(small_run), **given)


def test_a_family_of_no_run_and_a_folder_of_no_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NanochartError, match="--family needs a run folder"):
        find_start("ih", species="Au", n_atoms=13, family=0, potential=None)
    with pytest.raises(NanochartError, match="is no run folder"):
        find_start(str(tmp_path), species=None, n_atoms=None, frame=0, potential=None)
