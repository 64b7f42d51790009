"""`nanochart transitions`: from a table to states, transitions, tables and figures."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import nanochart as nc
from nanochart.cli import app
from nanochart.dynamics.residence import CoreSettings
from nanochart.errors import NanochartError
from nanochart.workflow.course import read_courses
from nanochart.workflow.projection_table import End, open_table
from nanochart.workflow.transitions import analysed

runner = CliRunner()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A walk over families of the shipped Au147 chart: Ih, another Ih, by way of one frame to Dh.

    With flicker, and a second trajectory that stays where it is.
    """
    families = nc.load_chart("au147").families
    assert families is not None
    groups = {
        name: [one.id for one in families if one.macro_family == name] for name in ("Ih", "Dh")
    }
    path = np.repeat([groups["Ih"][0], groups["Ih"][1], groups["Dh"][0]], [400, 300, 500])
    path[200:210] = groups["Dh"][1]  # an excursion
    path[::17] = -1
    rng = np.random.default_rng(0)
    written = tmp_path_factory.mktemp("table") / "path.csv"
    with written.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(("file", "frame", "cv1", "cv2", "cv3", "family", "energy", "time_ps", "class"))
        for name, labels in (("a.dcd", path), ("b.dcd", np.full(300, groups["Dh"][0]))):
            for k, label in enumerate(labels.tolist()):
                place = np.asarray(families[max(label, 0)].centre) + rng.normal(0, 0.1, 3)
                word = "" if label < 0 else families[label].macro_family
                out.writerow((name, k, *place.round(4), label, -500 - 0.01 * k, 10.0 * k, word))
    return written


def test_the_verb_tells_states_and_transitions_of_every_level(table: Path, tmp_path: Path) -> None:
    asked = ["transitions", str(table), "--chart", "au147", "-o", str(tmp_path / "t")]
    done = runner.invoke(app, [*asked, "--dwell", "400", "--format", "none", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert json.loads((tmp_path / "t" / "transitions.json").read_text()) == told
    assert set(told["levels"]) == {"family", "macro-family", "class"}
    (one,) = told["levels"]["macro-family"]["transitions"]
    assert (one["from"], one["to"], one["outcome"]) == ("Ih", "Dh", "committed")
    assert one["trajectory"] == "a.dcd"
    assert one["left_ps"] <= 7000 <= one["reached_ps"] <= 7020
    assert len(told["levels"]["family"]["transitions"]) == 2
    assert [one["to"] for one in told["levels"]["class"]["transitions"]] == ["Dh"]
    states = {one["name"]: one for one in told["levels"]["macro-family"]["states"]}
    # 7 ns of Ih with one exit; Dh of both trajectories, never left.
    assert states["Ih"]["mean_residence_ps"] == pytest.approx(7000, abs=20)
    assert states["Dh"]["mean_residence_ps"] is None
    assert states["Dh"]["time_ps"] == pytest.approx(4990 + 2990, abs=20)
    assert states["Dh"]["visits"] == 2
    assert "fewer" in told["levels"]["macro-family"]["markov"]["reason"]
    assert [one["outside"] for one in told["trajectories"]] == [71, 0]
    assert len(rows(tmp_path / "t" / "transitions.csv")) == 4
    (edge,) = [
        row for row in rows(tmp_path / "t" / "network.csv") if row["level"] == "macro-family"
    ]
    assert (edge["from"], edge["to"], edge["count"], edge["committed"]) == ("Ih", "Dh", "1", "1")
    assert float(edge["rate_per_ns"]) == pytest.approx(1 / 7.0, rel=0.01)
    assert len(rows(tmp_path / "t" / "averages.csv")) == 1500
    stays = [row for row in rows(tmp_path / "t" / "stays.csv") if row["level"] == "class"]
    assert [row["name"] for row in stays] == ["Ih", "Dh", "Dh"]


@pytest.mark.parametrize("suffix", ["parquet", "zarr"])
def test_other_kinds_of_tables_tell_the_same(
    table: Path, tmp_path: Path, suffix: str, require_oracle: Callable[[str], ModuleType]
) -> None:
    if suffix == "parquet":
        require_oracle("pyarrow")
    cells = rows(table)
    types = {"file": None, "class": None, "frame": np.int64, "family": np.int16}
    columns: dict[str, Any] = {}
    for name in cells[0]:
        values, kind = [row[name] for row in cells], types.get(name, np.float64)
        columns[name] = values if kind is None else np.array([kind(value) for value in values])
    columns["energy"][5] = np.nan  # as where a quench failed
    other, end = tmp_path / f"path.{suffix}", End()
    for part in (slice(0, 1000), slice(1000, None)):  # as of two calls
        written = open_table(other, end)
        written.append({name: column[part] for name, column in columns.items()})
        end = written.flush()
        written.close()
    told = []
    for path, folder in ((table, "csv"), (other, suffix)):
        asked = ["transitions", str(path), "--chart", "au147", "-o", str(tmp_path / folder)]
        done = runner.invoke(app, [*asked, "--dwell", "400", "--format", "none", "--json"])
        assert done.exit_code == 0, done.output
        told.append(json.loads(done.stdout.splitlines()[-1]) | {"output": ""})
    assert told[0] == told[1]
    for name in ("transitions.csv", "stays.csv", "states.csv", "network.csv", "averages.csv"):
        expected = (tmp_path / "csv" / name).read_bytes()
        assert (tmp_path / suffix / name).read_bytes() == expected
    for one, same in zip(read_courses(table), read_courses(other), strict=True):
        assert one.frames is not None
        assert same.frames is not None
        np.testing.assert_array_equal(one.frames, same.frames)
    assert same.energies is not None
    assert np.isnan(read_courses(other)[0].energies).sum() == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["no.parquet", "no.zarr", "no.csv"])
def test_what_is_no_table_is_refused_in_a_line(
    tmp_path: Path, name: str, require_oracle: Callable[[str], ModuleType]
) -> None:
    if name.endswith("parquet"):
        require_oracle("pyarrow")
    with pytest.raises(NanochartError, match=f"{name}: cannot be read"):
        read_courses(tmp_path / name)
    (tmp_path / name).write_bytes(b"PAR1" + bytes(range(128, 256)))
    with pytest.raises(NanochartError, match=f"{name}: cannot be read"):
        read_courses(tmp_path / name)


def test_figures_are_those_of_the_paper_and_a_network(table: Path, tmp_path: Path) -> None:
    asked = ["transitions", str(table), "--chart", "au147", "-o", str(tmp_path / "t")]
    done = runner.invoke(app, [*asked, "--dwell", "400", "--format", "svg"])
    assert done.exit_code == 0, done.output
    assert "Ih -> Dh" in done.output
    made = {path.stem for path in (tmp_path / "t").glob("*.svg") if "column" not in path.stem}
    assert made == {
        "fig6b-1", "fig6c-1", "fig6d-1", "figS7-1", "fig6b-2", "fig6c-2",
        "network-family", "network-macro-family", "network-class",
    }  # fmt: skip
    assert rows(tmp_path / "t" / "fig6c-1.csv")[0]["energy_eV"] == "-500.00000"


def test_what_stays_is_told_as_no_transition(table: Path, tmp_path: Path) -> None:
    only = tmp_path / "b.csv"
    lines = table.read_text().splitlines(keepends=True)
    only.write_text("".join(line for line in lines if not line.startswith("a.dcd")))
    done = runner.invoke(app, ["transitions", str(only), "-o", str(tmp_path / "t"), "--format", ""])
    assert done.exit_code == 0, done.output
    states = [row for row in rows(tmp_path / "t" / "states.csv") if row["level"] == "family"]
    assert [row["exits"] for row in states] == ["0"]
    assert states[0]["upper_ps"] == ""
    assert float(states[0]["lower_ps"]) == pytest.approx(2990 / -np.log(0.025))


def test_cores_may_be_bounded_by_the_distance_from_the_centre(table: Path) -> None:
    courses = read_courses(table)
    chart = nc.load_chart("au147")
    near, *_ = analysed(courses, chart, settings=CoreSettings(dwell=0.0, radius=0.15), markov=False)
    every, *_ = analysed(courses, chart, settings=CoreSettings(dwell=0.0), markov=False)
    inside = np.concatenate([one.cores for one in near.stayed]) >= 0
    centres = chart.families.centres
    cvs = np.concatenate([course.cvs for course in courses])
    families = np.concatenate([course.families for course in courses])
    away = np.linalg.norm(cvs - centres[families], axis=1)
    np.testing.assert_array_equal(inside, (families >= 0) & (away <= 0.15))
    assert 0 < inside.sum() < sum((one.cores >= 0).sum() for one in every.stayed)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--core-radius", "1"], "give --chart"),
        (["--share", "2"], "share: 2"),
        (["--format", "gif"], "not 'gif'"),
        (["--chart", "au90"], "speak of family"),
    ],
)
def test_wrong_options_write_nothing(
    table: Path, tmp_path: Path, options: list[str], line: str
) -> None:
    if "au90" in options:
        head, first, *rest = table.read_text().splitlines()
        cells = first.split(",")
        cells[5] = "4000"  # of no chart
        table = tmp_path / "other.csv"
        table.write_text("\n".join([head, ",".join(cells), *rest]) + "\n")
    done = runner.invoke(app, ["transitions", str(table), "-o", str(tmp_path / "t"), *options])
    assert done.exit_code == 1
    assert line in str(done.exception)
    assert not (tmp_path / "t").exists()


def test_a_table_without_times_asks_for_them(tmp_path: Path) -> None:
    (tmp_path / "path.csv").write_text("cv1,family\n1,0\n2,0\n", encoding="utf-8")
    asked = ["transitions", str(tmp_path / "path.csv"), "-o", str(tmp_path / "t")]
    done = runner.invoke(app, asked)
    assert isinstance(done.exception, NanochartError)
    assert "--frame-time" in str(done.exception)
    done = runner.invoke(app, [*asked, "--frame-time", "1", "--format", "none"])
    assert done.exit_code == 0, done.output
