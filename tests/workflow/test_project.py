"""Trajectories onto a chart: the chart's own numbers, killed and grown, selected and refused."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import ase.io
import numpy as np
import pytest
import torch
import zarr
from ase import Atoms

from nanochart.chart.chart import Chart, load_chart
from nanochart.chart.distillation import DistilledEncoder
from nanochart.dcd import DcdWriter
from nanochart.errors import NanochartError
from nanochart.landscape import open_landscape
from nanochart.progress import silent
from nanochart.sampling.quench import quench
from nanochart.structure.description import classify
from nanochart.trajectories import frames as frames_module
from nanochart.trajectories.selection import CLUSTERS, LARGEST
from nanochart.workflow import project
from nanochart.workflow.project import project_files
from nanochart.workflow.projection_reading import ProjectionSettings

AU90 = Path("au90")


@pytest.fixture(scope="module")
def minima() -> np.ndarray:
    return open_landscape("au90-small")["quenched"].read("positions").astype(np.float64)


@pytest.fixture(scope="module")
def chart() -> Chart:
    return load_chart(AU90)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let blocks have 16 frames, and units two of them."""
    monkeypatch.setattr(frames_module, "_BLOCK_BYTES", 0)
    monkeypatch.setattr(project, "UNIT", 2)


def write_dcd(path: Path, positions: np.ndarray) -> Path:
    with DcdWriter(
        path, n_atoms=positions.shape[1], n_frames=0, timestep=5.0, steps_per_frame=200
    ) as trajectory:
        trajectory.append(positions)
    return path


def write_xyz(path: Path, positions: np.ndarray, symbols: str = "Au90", **cell: Any) -> Path:
    ase.io.write(path, [Atoms(symbols, positions=p, **cell) for p in positions], format="extxyz")
    return path


def run(output: Path, *files: Path, overwrite: bool = False, **settings: Any) -> dict[str, Any]:
    """Project onto the shipped chart of Au90; the lines told are in the result."""
    settings.setdefault("quench", False)
    told: list[str] = []
    result = project_files(
        AU90,
        files,
        output,
        settings=ProjectionSettings(**settings),
        n_workers=1,
        overwrite=overwrite,
        progress=silent,
        tell=told.append,
    )
    return {**result, "told": told}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cvs_of(rows: list[dict[str, str]]) -> np.ndarray:
    return np.array([[float(row[f"cv{k}"]) for k in (1, 2, 3)] for row in rows])


def content(path: Path) -> dict[str, bytes]:
    """Return every file of a table."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_the_table_says_what_the_chart_says(
    minima: np.ndarray, chart: Chart, tmp_path: Path
) -> None:
    file = write_dcd(tmp_path / "a.dcd", minima)
    told = run(tmp_path / "a.csv", file, words=True)
    rows, points = rows_of(tmp_path / "a.csv"), chart.evaluate(minima.astype(np.float32))
    assert told["structures"] == len(rows) == len(minima)
    columns = "file,frame,cv1,cv2,cv3,family,inside,error,converged,energy,time_ps,class,evaporated"
    assert ",".join(rows[0]) == f"{columns},name,sentence"
    assert np.allclose(cvs_of(rows), points.cvs, rtol=1e-5, atol=1e-5)
    assert [int(row["family"]) for row in rows] == points.families.tolist()
    assert [row["inside"] == "1" for row in rows] == points.inside.tolist()
    assert np.allclose([float(row["error"]) for row in rows], points.errors, rtol=1e-5)
    assert told["outside"] == (~points.inside).sum()
    energies = open_landscape("au90-small")["quenched"].read("energy")
    assert np.allclose([float(row["energy"]) for row in rows], energies, atol=1e-4)
    assert [float(row["time_ps"]) for row in rows] == [1.0 + i for i in range(len(rows))]
    found = classify(minima, species="Au")
    assert [row["class"] for row in rows] == found.cluster_class.tolist()
    assert [row["name"] for row in rows] == found.names.tolist()


@pytest.mark.parametrize("suffix", ["csv", "parquet", "zarr"])
@pytest.mark.usefixtures("small_blocks")
def test_a_projection_that_grows_with_its_trajectory_is_that_of_one_go(
    suffix: str, minima: np.ndarray, tmp_path: Path, require_oracle: Callable[[str], ModuleType]
) -> None:
    if suffix == "parquet":
        require_oracle("pyarrow")
    (tmp_path / "b").mkdir()
    whole = write_dcd(tmp_path / "a.dcd", minima)
    run(tmp_path / f"whole.{suffix}", whole)
    output = tmp_path / f"grown.{suffix}"
    for n in (5, 40, 40, 100, 256):
        write_dcd(whole, minima[:n])
        assert run(output, whole)["structures"] == n
    assert content(output) == content(tmp_path / f"whole.{suffix}")


_KILLED = """
import os, signal, sys
from pathlib import Path
from nanochart.progress import silent
from nanochart.trajectories import frames
from nanochart.workflow import project, projection_commits
from nanochart.workflow.projection_reading import ProjectionSettings
frames._BLOCK_BYTES, project.UNIT = 0, 2
write, left = projection_commits.write_record, {commits}
def last(*arguments):
    global left
    left -= 1
    if left == 0 and {before}:
        os.kill(os.getpid(), signal.SIGKILL)
    write(*arguments)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
projection_commits.write_record = last
project.project_files(
    Path("au90"), [Path({file!r})], Path({output!r}),
    settings=ProjectionSettings(quench=False), n_workers=1, progress=silent, tell=print,
)
"""


@pytest.mark.parametrize(
    ("suffix", "commits", "before"),
    [("csv", 4, True), ("csv", 1, False), ("parquet", 3, True), ("zarr", 3, True)],
)
@pytest.mark.usefixtures("small_blocks")
def test_killed_anywhere_it_goes_on_to_the_same_bytes(
    suffix: str,
    commits: int,
    before: bool,
    minima: np.ndarray,
    tmp_path: Path,
    require_oracle: Callable[[str], ModuleType],
) -> None:
    """Killed after rows have come to the disk and before they count, or at the very start."""
    if suffix == "parquet":
        require_oracle("pyarrow")
    file = write_dcd(tmp_path / "a.dcd", minima)
    output = tmp_path / f"killed.{suffix}"
    script = _KILLED.format(commits=commits, before=before, file=str(file), output=str(output))
    ended = subprocess.run([sys.executable, "-c", script], env=os.environ, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert output.exists()
    assert run(output, file)["structures"] == len(minima)
    run(tmp_path / f"whole.{suffix}", file)
    assert content(output) == content(tmp_path / f"whole.{suffix}")


def with_student(chart: Chart, shift: float) -> Chart:
    """Return a chart whose distilled encoder is its own compact one, with the first CV shifted."""
    model: Any = chart.model
    linear = [layer for layer in model.encoder if isinstance(layer, torch.nn.Linear)]
    weights = [layer.weight.detach().double().clone() for layer in linear]
    biases = [layer.bias.detach().double().clone() for layer in linear]
    weights[0] /= model.spread.double()
    biases[0] -= weights[0] @ model.centre.double()
    biases[-1][0] += shift
    student = DistilledEncoder(
        tuple(one.float().numpy() for one in weights),
        tuple(one.float().numpy() for one in biases),
        {},
        {},
    )
    return replace(chart, distilled=student)


@pytest.mark.parametrize("errors", [True, False])
def test_a_distilled_encoder_is_asked_and_how_far_it_is_off_is_told(
    errors: bool, chart: Chart, minima: np.ndarray, tmp_path: Path
) -> None:
    file = write_dcd(tmp_path / "a.dcd", minima[:60])
    run(tmp_path / "own.csv", file, errors=errors)
    expected = rows_of(tmp_path / "own.csv")
    for shift in (0.0, 1.0):
        path, output = tmp_path / f"{shift}.safetensors", tmp_path / f"{shift}.csv"
        with_student(chart, shift).save(path)
        told: list[str] = []
        settings = ProjectionSettings(quench=False, errors=errors, encoder="distilled")
        for n in (60, 60):  # the second has nothing left to do, and tells it again
            assert project_files(
                path, [file], output, settings=settings, progress=silent, tell=told.append
            )["structures"] == n  # fmt: skip
        found = rows_of(output)
        cvs = [[float(row["cv1"]) for row in some] for some in (found, expected)]
        np.testing.assert_allclose(cvs[0], np.add(cvs[1], shift), atol=1e-4)
        record = json.loads((tmp_path / f"{shift}.csv.json").read_text())["distilled"]
        assert record["structures"] == 60
        np.testing.assert_allclose(record["rms"], [shift, 0, 0], atol=1e-4)
        np.testing.assert_allclose(record["largest"], [shift, 0, 0], atol=1e-4)
        changed = sum(
            one["family"] != other["family"] for one, other in zip(found, expected, strict=True)
        )
        assert changed == record["other_family"] or errors  # errors may shut out, too
        assert (changed > 0) == (shift > 0)
        assert len(told) == 2
        assert f"the family in {record['other_family']} of the first 60 structures" in told[0]
    with pytest.raises(NanochartError, match="no distilled encoder"):
        run(tmp_path / "none.csv", file, encoder="distilled")
    with pytest.raises(NanochartError, match="give trained or distilled"):
        run(tmp_path / "none.csv", file, encoder="small")
    assert not (tmp_path / "none.csv").exists()
    with pytest.raises(NanochartError, match="another projection"):
        run(tmp_path / "own.csv", file, errors=not errors)


def test_every_table_says_the_same(
    minima: np.ndarray, tmp_path: Path, require_oracle: Callable[[str], ModuleType]
) -> None:
    parquet = require_oracle("pyarrow.parquet")
    file = write_dcd(tmp_path / "a.dcd", minima[:30])
    for suffix in ("csv", "parquet", "zarr"):
        run(tmp_path / f"t.{suffix}", file)
    rows = rows_of(tmp_path / "t.csv")
    table = parquet.read_table(tmp_path / "t.parquet").to_pydict()
    store: Any = zarr.open_group(tmp_path / "t.zarr", mode="r")
    assert np.allclose(table["cv2"], cvs_of(rows)[:, 1], rtol=1e-5, atol=1e-5)
    assert np.allclose(store["cv2"][:], cvs_of(rows)[:, 1], rtol=1e-5, atol=1e-5)
    meanings = store["class"].attrs["meanings"]
    assert [row["class"] for row in rows] == table["class"]
    assert table["class"] == [meanings[code] for code in store["class"][:]]


@pytest.mark.usefixtures("small_blocks")
def test_several_files_and_frames_between(minima: np.ndarray, tmp_path: Path) -> None:
    files = [write_dcd(tmp_path / f"{k}.dcd", minima[40 * k : 40 * k + 40]) for k in range(3)]
    run(tmp_path / "a.csv", *files[:2], first=3, last=30, every=4)
    rows = rows_of(tmp_path / "a.csv")
    assert [int(row["frame"]) for row in rows] == [*range(3, 31, 4)] * 2
    run(tmp_path / "a.csv", *files, first=3, last=30, every=4)  # another file came
    assert rows_of(tmp_path / "a.csv")[: len(rows)] == rows
    run(tmp_path / "b.csv", *files, first=3, last=30, every=4)
    assert content(tmp_path / "a.csv") == content(tmp_path / "b.csv")
    run(tmp_path / "c.csv", files[0], every=4)
    run(tmp_path / "d.csv", files[0], every=4, last=21)
    run(tmp_path / "d.csv", files[0], every=4)  # more was asked for
    assert content(tmp_path / "c.csv") == content(tmp_path / "d.csv")


@pytest.mark.parametrize("n", [4, 20])  # in the first block, and behind it
@pytest.mark.parametrize("quench", [False, None])
@pytest.mark.usefixtures("small_blocks")
def test_a_frame_cut_off_is_told_and_read_when_it_is_whole(
    minima: np.ndarray, tmp_path: Path, n: int, quench: bool | None
) -> None:
    file = write_xyz(tmp_path / "a.xyz", minima[:n])
    text = file.read_bytes()
    file.write_bytes(text[:-50])
    told = run(tmp_path / "a.csv", file, quench=quench)
    assert told["structures"] == n - 1
    assert f"frame {n - 1} is cut off" in told["told"][-1]
    file.write_bytes(text)
    assert run(tmp_path / "a.csv", file, quench=quench)["structures"] == n
    run(tmp_path / "b.csv", file, quench=quench)
    assert content(tmp_path / "a.csv") == content(tmp_path / "b.csv")


def test_another_projection_is_not_gone_on_with(minima: np.ndarray, tmp_path: Path) -> None:
    file, output = write_dcd(tmp_path / "a.dcd", minima[:9]), tmp_path / "a.csv"
    run(output, file)
    before = output.read_bytes()
    with pytest.raises(NanochartError, match="every 1 instead of 2"):
        run(output, file, every=2)
    with pytest.raises(NanochartError, match="in another order"):
        run(output, write_dcd(tmp_path / "b.dcd", minima))
    write_dcd(file, minima[5:])
    with pytest.raises(NanochartError, match="no longer the trajectory"):
        run(output, file)
    write_dcd(file, minima[:3])
    with pytest.raises(NanochartError, match="no longer the trajectory"):
        run(output, file)
    assert output.read_bytes() == before
    (tmp_path / "mine.csv").write_text("mine")
    with pytest.raises(NanochartError, match="is there already"):
        run(tmp_path / "mine.csv", file)
    assert run(tmp_path / "mine.csv", file, overwrite=True)["structures"] == 3
    output.write_text("")
    with pytest.raises(NanochartError, match="no longer holds the 9 rows"):
        run(output, write_dcd(file, minima[:9]))


def test_hot_frames_are_told_by_their_forces_and_quenched(
    minima: np.ndarray, chart: Chart, tmp_path: Path
) -> None:
    hot = open_landscape("au90-small")["snapshots"].read("positions", 0, 20).astype(float)
    told = run(tmp_path / "hot.csv", write_xyz(tmp_path / "hot.xyz", hot), quench=None)
    assert "each is quenched" in told["told"][0]
    rows = rows_of(tmp_path / "hot.csv")
    # As written in the file: 8 decimals.
    expected = quench(np.round(hot, 8), species="Au")
    assert np.allclose([float(row["energy"]) for row in rows], expected.energies, atol=1e-4)
    assert np.allclose(cvs_of(rows), chart.transform(expected.positions), rtol=1e-2, atol=1e-2)
    told = run(tmp_path / "cold.csv", write_xyz(tmp_path / "cold.xyz", minima[:20]), quench=None)
    assert "taken as minima" in told["told"][0]
    assert not told["quenched"]


def test_hot_and_quenched_trajectories_are_not_mixed(minima: np.ndarray, tmp_path: Path) -> None:
    hot = open_landscape("au90-small")["snapshots"].read("positions", 0, 8).astype(float)
    files = write_dcd(tmp_path / "cold.dcd", minima[:8]), write_dcd(tmp_path / "hot.dcd", hot)
    for pair in (files, files[::-1]):
        with pytest.raises(NanochartError, match=r"dcd: its first frames .* those of .*\.dcd"):
            run(tmp_path / "a.csv", *pair, quench=None)
        assert not (tmp_path / "a.csv").exists()
    run(tmp_path / "a.csv", files[0], quench=None)
    before = (tmp_path / "a.csv").read_bytes()
    with pytest.raises(NanochartError, match=r"hot\.dcd: .* was taken as minima"):
        run(tmp_path / "a.csv", *files, quench=None)
    assert (tmp_path / "a.csv").read_bytes() == before
    run(tmp_path / "c.csv", files[1], quench=None)
    with pytest.raises(NanochartError, match=r"cold\.dcd: .* was quenched"):
        run(tmp_path / "c.csv", *files[::-1], quench=None)
    assert run(tmp_path / "b.csv", *files, quench=True)["structures"] == 16


def test_a_thermal_chart_takes_hot_frames_as_they_are(tmp_path: Path) -> None:
    hot = open_landscape("au90-small")["snapshots"].read("positions", 0, 20).astype(float)
    file = write_xyz(tmp_path / "hot.xyz", hot)
    told: list[str] = []

    def project_onto(quench: bool | None) -> None:
        project_files(
            Path("au90-thermal"),
            [file],
            tmp_path / "hot.csv",
            settings=ProjectionSettings(quench=quench),
            progress=silent,
            tell=told.append,
        )

    project_onto(None)
    assert "thermal chart" in told[0]
    rows = rows_of(tmp_path / "hot.csv")
    hot_cvs = load_chart("au90-thermal").transform(np.round(hot, 8))
    assert np.allclose(cvs_of(rows), hot_cvs, rtol=1e-4, atol=1e-4)
    assert {row["error"] for row in rows} == {row["class"] for row in rows} == {""}
    with pytest.raises(NanochartError, match="thermal chart"):
        project_onto(True)


def test_order_drift_and_cells_change_nothing(minima: np.ndarray, tmp_path: Path) -> None:
    """Atoms in another order in every frame, drifting, wrapped into a cell."""
    rng, some = np.random.default_rng(0), minima[:30]
    run(tmp_path / "a.csv", write_xyz(tmp_path / "a.xyz", some))
    shuffled = np.stack([rng.permutation(one) for one in some]) + np.arange(30)[:, None, None]
    wrapped = shuffled % 26.0
    cell = {"cell": [26.0] * 3, "pbc": True}
    run(tmp_path / "b.csv", write_xyz(tmp_path / "b.xyz", wrapped, **cell))
    one, other = rows_of(tmp_path / "a.csv"), rows_of(tmp_path / "b.csv")
    assert np.allclose(cvs_of(one), cvs_of(other), rtol=1e-3, atol=1e-3)
    assert [row["family"] for row in one] == [row["family"] for row in other]
    told = run(tmp_path / "c.csv", tmp_path / "b.xyz", use_cells=False)
    assert told["evaporated"] > 0


def test_an_evaporated_atom_is_flagged(minima: np.ndarray, tmp_path: Path) -> None:
    some = minima[:3].copy()
    some[1, 7] += [60.0, 0, 0]
    file = write_xyz(tmp_path / "a.xyz", some)
    told = run(tmp_path / "a.csv", file)
    assert [row["evaporated"] for row in rows_of(tmp_path / "a.csv")] == ["0", "1", "0"]
    assert rows_of(tmp_path / "a.csv")[1]["inside"] == "0"
    assert told["evaporated"] == 1
    told = run(tmp_path / "b.csv", file, pieces=LARGEST)
    assert [row["frame"] for row in rows_of(tmp_path / "b.csv")] == ["0", "2"]
    assert told["other sizes"] == 1


def test_a_cluster_is_found_on_its_support_and_among_others(
    minima: np.ndarray, chart: Chart, tmp_path: Path
) -> None:
    support = np.random.default_rng(0).uniform(0, 10, (1, 20, 3)) * [1, 1, 0] * 3 + [0, 0, -20]
    some = np.concatenate([np.repeat(support, 5, axis=0), minima[:5]], axis=1)
    file = write_xyz(tmp_path / "a.xyz", some, "C20Au90")
    expected = chart.transform(minima[:5])
    for k, select in enumerate(("Au", "20:110", "20:")):
        run(tmp_path / f"{k}.csv", file, select=select)
        assert np.allclose(cvs_of(rows_of(tmp_path / f"{k}.csv")), expected, rtol=1e-4, atol=1e-4)
    for wrong, told in (("Ag", "no atom"), ("C", "holds C, expected only Au"), ("0:90", "C")):
        with pytest.raises(NanochartError, match=told):
            run(tmp_path / "x.csv", file, select=wrong)
    pair = np.concatenate(
        [minima[:5], minima[5:10] + np.array([40.0, 0, 0]), minima[:5, :4] - 50], axis=1
    )
    told = run(tmp_path / "p.csv", write_xyz(tmp_path / "p.xyz", pair, "Au184"), pieces=CLUSTERS)
    rows = rows_of(tmp_path / "p.csv")
    assert [(row["frame"], row["cluster"]) for row in rows[:3]] == [
        ("0", "0"),
        ("0", "1"),
        ("1", "0"),
    ]
    assert np.allclose(cvs_of(rows)[::2], expected, rtol=1e-4, atol=1e-4)
    assert told["other sizes"] >= 5


def test_types_become_elements(minima: np.ndarray, tmp_path: Path) -> None:
    text = []
    for one in minima[:2]:
        text += ["ITEM: TIMESTEP", "0", "ITEM: NUMBER OF ATOMS", "91"]
        text += ["ITEM: BOX BOUNDS ff ff ff"] + ["-40 40"] * 3 + ["ITEM: ATOMS id type x y z"]
        text += [f"{i + 1} 1 {x} {y} {z}" for i, (x, y, z) in enumerate(one.tolist())]
        text += ["91 2 0 0 30"]
    file = tmp_path / "a.dump"
    file.write_text("\n".join(text) + "\n")
    for settings in ({"select": "1"}, {"select": "Au", "types": "1=Au,2=C"}):
        assert run(tmp_path / "a.csv", file, overwrite=True, **settings)["structures"] == 2
    with pytest.raises(NanochartError, match="holds types 1, 2 instead of elements"):
        run(tmp_path / "b.csv", file)
    with pytest.raises(NanochartError, match="expected like 1=Au"):
        run(tmp_path / "b.csv", file, types="Au")


def test_times_that_do_not_rise_are_told_or_left_out(minima: np.ndarray, tmp_path: Path) -> None:
    times = [0.0, 1.0, 2.0, 2.0, 1.0, 3.0]
    atoms = [
        Atoms("Au90", positions=p, info={"time_ps": t}) for p, t in zip(minima, times, strict=False)
    ]
    ase.io.write(tmp_path / "a.xyz", atoms, format="extxyz")
    told = run(tmp_path / "a.csv", tmp_path / "a.xyz")
    assert [float(row["time_ps"]) for row in rows_of(tmp_path / "a.csv")] == times
    assert told["repeated times"] == 2
    assert "--in-order" in told["told"][-1]
    run(tmp_path / "b.csv", tmp_path / "a.xyz", in_order=True)
    assert [float(row["time_ps"]) for row in rows_of(tmp_path / "b.csv")] == [0, 1, 2, 3]
    run(tmp_path / "c.csv", tmp_path / "a.xyz", frame_time=0.5)
    assert rows_of(tmp_path / "c.csv")[-1]["time_ps"] == "2.5"


@pytest.mark.parametrize("at_once", [True, False])
def test_another_run_has_times_of_its_own(
    minima: np.ndarray, tmp_path: Path, at_once: bool
) -> None:
    """Runs a and c begin alike; b goes on from a, and repeats its last frame."""
    files = []
    for name, first, last in (("a", 1, 6), ("b", 5, 9), ("c", 1, 5)):
        times = range(first, last)
        atoms = [Atoms("Au90", positions=minima[t], info={"time_ps": float(t)}) for t in times]
        files.append(tmp_path / f"{name}.xyz")
        ase.io.write(files[-1], atoms, format="extxyz")
    for n in (3,) if at_once else (1, 2, 3):
        told = run(tmp_path / "t.csv", *files[:n], in_order=True)
    assert told["repeated times"] == 1
    times = [float(row["time_ps"]) for row in rows_of(tmp_path / "t.csv")]
    assert times == [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4]


def test_without_errors_the_rest_is_the_same(minima: np.ndarray, tmp_path: Path) -> None:
    file = write_dcd(tmp_path / "a.dcd", minima[:40])
    run(tmp_path / "a.csv", file)
    run(tmp_path / "b.csv", file, errors=False)
    for one, other in zip(rows_of(tmp_path / "a.csv"), rows_of(tmp_path / "b.csv"), strict=True):
        assert other["error"] == ""
        assert [one[f"cv{k}"] for k in (1, 2, 3)] == [other[f"cv{k}"] for k in (1, 2, 3)]
        assert one["class"] == other["class"]
        if one["inside"] == "1":
            assert other["family"] == one["family"]


def test_what_lies_outside_is_told_naming_the_chart_s(minima: np.ndarray, tmp_path: Path) -> None:
    """A DCD tells no element: copper's distances are shorter than gold's."""
    told = run(tmp_path / "a.csv", write_dcd(tmp_path / "a.dcd", minima[:8] * 2.56 / 2.88))
    assert told["told"][-1].startswith("8 of 8 structures lie outside")
    assert "minima of Au90?" in told["told"][-1]
    assert run(tmp_path / "b.csv", write_dcd(tmp_path / "b.dcd", minima[:8]))["told"] == []


def test_a_wrong_cluster_is_refused_naming_the_chart_s(minima: np.ndarray, tmp_path: Path) -> None:
    small = write_dcd(tmp_path / "a.dcd", minima[:2, :80])
    silver = write_xyz(tmp_path / "a.xyz", minima[:2], "Ag90")
    for file, told in ((small, "has 80 atoms, expected 90"), (silver, "holds Ag, expected only")):
        with pytest.raises(NanochartError, match=f"{told}.*trained on Au90"):
            run(tmp_path / "x.csv", file)
        assert run(tmp_path / "y.csv", file, skip_bad=True, overwrite=True)["skipped"] == 2
    assert not (tmp_path / "x.csv").exists()
    with pytest.raises(NanochartError, match=r"tables are \.csv, \.parquet or \.zarr"):
        run(tmp_path / "x.txt", small)


def test_dask_quenches_to_the_same_table(
    tmp_path: Path, require_oracle: Callable[[str], ModuleType]
) -> None:
    distributed = require_oracle("distributed")
    hot = open_landscape("au90-small")["snapshots"].read("positions", 0, 20).astype(float)
    file = write_dcd(tmp_path / "hot.dcd", hot)
    run(tmp_path / "here.csv", file, quench=True)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        project_files(
            AU90,
            [file],
            tmp_path / "there.csv",
            settings=ProjectionSettings(quench=True),
            scheduler=cluster.scheduler_address,
            progress=silent,
            tell=print,
        )
    assert content(tmp_path / "here.csv") == content(tmp_path / "there.csv")
    with pytest.raises(NanochartError, match="cannot be reached"):
        project_files(
            AU90,
            [file],
            tmp_path / "nowhere.csv",
            settings=ProjectionSettings(quench=True),
            scheduler="tcp://127.0.0.1:1",
            progress=silent,
            tell=print,
        )
