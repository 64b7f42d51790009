"""The catalogue of a run's families: every file, and what stands in it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import ase.io
import numpy as np
import pytest
from typer.testing import CliRunner

from nanochart.chart.chart import load_chart
from nanochart.cli import app
from nanochart.landscape import open_landscape


@pytest.fixture(scope="module")
def exported(
    small_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, dict[str, object]]:
    """Return a tiny run, its catalogue, and what was printed."""
    run, export = small_run, tmp_path_factory.mktemp("catalogue") / "families"
    runner = CliRunner()
    told = runner.invoke(app, ["families", str(run), "--export", str(export), "--json"])
    assert told.exit_code == 0, told.output
    return run, export, json.loads(told.stdout.splitlines()[-1])


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_family_is_told_of(exported: tuple[Path, Path, dict[str, object]]) -> None:
    run, export, summary = exported
    families = load_chart(run / "chart.safetensors").families
    assert families is not None
    rows = rows_of(export / "families.csv")
    assert [int(row["structures"]) for row in rows] == [one.size for one in families]
    assert [row["name"] for row in rows] == [one.name for one in families]
    landscape = open_landscape(run)
    family = landscape["chart"].read("family")
    assert [int(row["snapshots"]) for row in rows] == [
        int((family == one.id).sum()) for one in families
    ]
    assert sum(int(row["structures"]) for row in rows) == landscape["unique"].committed
    assert all(0 <= float(row["stability"]) <= 1 for row in rows)
    assert summary["families"] == len(families) == len(rows)
    assert summary["major"] == sum(int(row["major"]) for row in rows) == len(families.major)
    assert json.loads((export / "summary.json").read_text())["major"] == summary["major"]


def test_classes_and_populations_add_up(exported: tuple[Path, Path, dict[str, object]]) -> None:
    run, export, _ = exported
    counts = np.array(
        [
            [int(v) for k, v in row.items() if k not in ("family", "name")]
            for row in rows_of(export / "classes.csv")
        ]
    )
    assert counts.sum() == open_landscape(run)["unique"].committed
    shares: dict[str, float] = {}
    for row in rows_of(export / "populations.csv"):
        temperature = row["temperature_K"]
        shares[temperature] = shares.get(temperature, 0.0) + float(row["fraction"])
    # every snapshot whose quench succeeded is in a family
    assert set(shares) == {"300", "900"}
    np.testing.assert_allclose(list(shares.values()), 1.0, atol=1e-3)


def test_the_nearest_structures_are_the_nearest(
    exported: tuple[Path, Path, dict[str, object]],
) -> None:
    run, export, _ = exported
    chart = load_chart(run / "chart.safetensors")
    assert chart.families is not None
    largest = chart.families[0]
    frames = ase.io.read(export / "family-00.extxyz", index=":")
    assert len(frames) == min(50, largest.size)
    cvs = chart.transform(np.array([frame.positions for frame in frames]))
    away = np.linalg.norm(cvs - np.array(largest.centre), axis=1)
    np.testing.assert_allclose(away, [f.info["distance_on_chart"] for f in frames], atol=1e-3)
    assert np.all(np.diff(away) > -1e-3)
    assert {frame.info["family"] for frame in frames} == {0}
    written = sorted(path.name for path in export.glob("family-*.extxyz"))
    assert written == [f"family-{one.id:02d}.extxyz" for one in chart.families.major]


def test_neighbours_are_pairs_of_major_families(
    exported: tuple[Path, Path, dict[str, object]],
) -> None:
    run, export, _ = exported
    families = load_chart(run / "chart.safetensors").families
    assert families is not None
    rows = rows_of(export / "neighbours.csv")
    barriers = [float(row["barrier"]) for row in rows]
    assert barriers == sorted(barriers)
    for row in rows:
        assert 0 <= int(row["first"]) < int(row["second"]) < len(families.major)
        assert "Å" in row["difference"] or "no distance" in row["difference"]
    assert (export / "tree.png").stat().st_size > 1000
    assert (export / "tree.pdf").read_bytes().startswith(b"%PDF")
    # the bandwidth was given, so nothing was scanned
    assert not (export / "bandwidths.png").exists()


def test_the_second_opinion_is_asked(
    exported: tuple[Path, Path, dict[str, object]],
    require_oracle: Callable[[str], ModuleType],
    tmp_path: Path,
) -> None:
    require_oracle("sklearn.cluster")
    asked = ["families", str(exported[0]), "--export", str(tmp_path / "f"), "--second-opinion"]
    told = CliRunner().invoke(app, [*asked, "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout.splitlines()[-1])["hdbscan_clusters"] >= 0


def test_what_is_no_run_is_refused_before_anything_is_written(
    exported: tuple[Path, Path, dict[str, object]], tmp_path: Path
) -> None:
    chart = exported[0] / "chart.safetensors"
    for arguments, line in (
        ([str(chart), "--export", str(tmp_path / "f")], "is no run folder"),
        ([str(exported[0]), "--second-opinion"], "give --export"),
        ([str(exported[0]), "--export", str(chart)], "is a file"),
    ):
        told = CliRunner().invoke(app, ["families", *arguments])
        assert told.exit_code == 1
        assert line in str(told.exception)
    assert not (tmp_path / "f").exists()
