"""`nanochart figures`: of a whole run, with a trajectory, and what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nanochart.cli import app
from nanochart.errors import NanochartError
from nanochart.landscape import open_landscape
from nanochart.sampling.heat_capacity import heat_capacity
from nanochart.workflow.figures import read_dimensions

runner = CliRunner()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_figures_of_a_run(small_run: Path, tmp_path: Path) -> None:
    asked = ["figures", str(small_run), "-o", str(tmp_path / "f"), "--format", "svg"]
    done = runner.invoke(app, [*asked, "--only", "fig1,fig3,fig4a,heat-capacity,fig6", "--json"])
    assert done.exit_code == 0, done.output
    told = {row["figure"]: row for row in json.loads(done.stdout.splitlines()[-1])["figures"]}
    assert told["fig3"]["absent"] == ""
    assert "No trajectory" in told["fig6c"]["absent"]
    landscape = open_landscape(small_run)
    unique, chart = landscape["unique"].read("snapshot"), landscape["chart"]
    points = rows_of(tmp_path / "f" / "fig3.csv")
    np.testing.assert_allclose(
        [[float(row[f"cv{k}"]) for k in (1, 2, 3)] for row in points],
        chart.read("cvs")[unique],
        atol=1e-4,
    )
    snapshots = landscape["snapshots"]
    expected = heat_capacity(
        snapshots.read("energy"),
        snapshots.read("temperature_index"),
        np.array([300.0, 900.0]),
        20,
    )
    heat = rows_of(tmp_path / "f" / "heat-capacity.csv")
    found = [float(row["heat_capacity_kB_per_atom"]) for row in heat]
    np.testing.assert_allclose(found, expected.values, atol=1e-4)
    layers = rows_of(tmp_path / "f" / "fig1.csv")
    assert layers[0]["layer"] == "Conv1d"
    assert (tmp_path / "f" / "fig4a-column.svg").stat().st_size > 1000


def test_a_trajectory_with_its_snapshots(small_run: Path, tmp_path: Path) -> None:
    from nanochart.formats import write_extxyz

    landscape = open_landscape(small_run)
    quenched = landscape["quenched"].read("positions").astype(np.float64)
    order = np.argsort(landscape["snapshots"].read("temperature_index"), kind="stable")
    write_extxyz(tmp_path / "path.xyz", ((quenched[k], {}) for k in order), "Au")
    done = runner.invoke(
        app,
        ["project", str(small_run), str(tmp_path / "path.xyz"), "-o", str(tmp_path / "path.csv")],
    )
    assert done.exit_code == 0, done.output
    asked = ["figures", str(small_run), "-o", str(tmp_path / "f"), "--format", "png"]
    asked += ["--trajectory", str(tmp_path / "path.csv"), "--frame-time", "1000"]
    done = runner.invoke(app, [*asked, "--only", "fig6", "--json"])
    assert done.exit_code == 0, done.output
    told = {row["figure"]: row for row in json.loads(done.stdout.splitlines()[-1])["figures"]}
    assert told["fig6c"]["absent"] == ""
    course = rows_of(tmp_path / "f" / "fig6c.csv")
    assert [float(row["time_ns"]) for row in course[:3]] == [0.0, 1.0, 2.0]
    projected = rows_of(tmp_path / "path.csv")
    np.testing.assert_allclose(
        [float(row["cv1"]) for row in course], [float(row["cv1"]) for row in projected], atol=1e-4
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("cv1,cv2,cv3\n1,2,3\n", "no column 'family'"),
        ("cv1,cv2,cv3,family\n1,2,x,0\n", "holds no numbers"),
        ("cv1,cv2,cv3,family\n1,2\n", "line 2"),
        ("cv1,cv2,cv3,family,time_ps\n1,2,3,0,5\n1,2,3,0,4\n", "do not increase"),
    ],
)
def test_bad_tables_are_refused(small_run: Path, tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "bad.csv").write_text(text, encoding="utf-8")
    asked = ["figures", str(small_run), "-o", str(tmp_path / "f")]
    done = runner.invoke(app, [*asked, "--trajectory", str(tmp_path / "bad.csv")])
    assert done.exit_code == 1
    assert line in str(done.exception)
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--only", "fig99"], "no figure 'fig99'"),
        (["--format", "gif"], "not 'gif'"),
        (["--renderer", "povray"], "not 'povray'"),
        (["--style", "nowhere.mplstyle"], "cannot be read"),
        (["--trajectory", "nowhere.csv"], "cannot be read"),
    ],
)
def test_wrong_options_write_nothing(
    small_run: Path, tmp_path: Path, options: list[str], line: str
) -> None:
    done = runner.invoke(app, ["figures", str(small_run), "-o", str(tmp_path / "f"), *options])
    assert done.exit_code == 1
    assert line in str(done.exception)
    assert not (tmp_path / "f").exists()


def test_a_scan_of_dimensions_is_read_and_a_damaged_one_refused(tmp_path: Path) -> None:
    assert read_dimensions(tmp_path) is None
    rows = [
        {"n_cvs": n, "loss": 0.2 / n, "r2": 0.4, "pca_loss": 0.3, "best_epoch": 1} for n in (1, 2)
    ]
    (tmp_path / "scan").mkdir()
    path = tmp_path / "scan" / "scan.json"
    path.write_text(json.dumps({"elbow": None, "scan": rows}))
    found = read_dimensions(tmp_path)
    assert found is not None
    assert found.losses.tolist() == [0.2, 0.1]
    assert found.elbow is None
    for text in ("{", "{}", json.dumps({"elbow": 2, "scan": []})):
        path.write_text(text)
        with pytest.raises(NanochartError, match=r"scan\.json"):
            read_dimensions(tmp_path)
