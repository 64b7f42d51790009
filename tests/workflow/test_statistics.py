"""The statistics of a run, against what is counted by hand from its landscape."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nanochart.cli import app
from nanochart.cli.statistics_tables import print_statistics
from nanochart.errors import NanochartError
from nanochart.landscape import open_landscape
from nanochart.progress import silent
from nanochart.structure.classes import CLASS_NAMES
from nanochart.workflow.config import parse_run_file
from nanochart.workflow.exchange import NO_ROUND_TRIP, exchange_warning
from nanochart.workflow.run import open_run
from nanochart.workflow.stages import STAGES
from nanochart.workflow.statistics import run_statistics

RUN_FILE = """
[system]
species = "Au"
n_atoms = 13
[sampling]
temperatures = [300, 360, 430]
steps_per_cycle = 40
cycles = 60
commit_every = 20
[resources]
workers = 1
"""


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of 13 atoms, sampled, quenched and classified."""
    folder = tmp_path_factory.mktemp("sampled")
    file = parse_run_file(RUN_FILE, where="test")
    with open_run(folder, file, RUN_FILE, STAGES) as run:
        for name in ("seeds", "sample", "quench", "classify"):
            run.do(name, silent)
    return folder


def test_the_tables_are_what_the_landscape_holds(
    sampled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["statistics", str(sampled), "--temperatures", "360,300", "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*call, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    landscape = open_landscape(sampled)
    energies = landscape["snapshots"].read("energy").reshape(60, 3)
    codes = landscape["classes"].read("cluster_class").reshape(60, 3)
    np.testing.assert_allclose(told["sampled"]["mean_energy"], energies.mean(axis=0))
    for code, name in enumerate(CLASS_NAMES):
        one = told["populations"]["class"][name]
        np.testing.assert_allclose(one["share"], (codes == code).mean(axis=0))
        halves = np.abs((codes[:30] == code).mean(axis=0) - (codes[30:] == code).mean(axis=0))
        np.testing.assert_allclose(one["halves_differ"], halves)
    assert told["reweighted"]["temperatures"] == [300.0, 360.0]  # sorted
    error = told["reweighted"]["mean_energy_error"][1]
    assert told["reweighted"]["mean_energy"][1] == pytest.approx(
        energies[:, 1].mean(), abs=4 * error
    )
    assert len(told["suggested_ladder"]["temperatures"]) == 3
    assert told["exchange"]["attempted"] == [30, 30]
    with (tmp_path / "out" / "populations-class.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * len(CLASS_NAMES)
    assert sum(float(row["share"]) for row in rows) == pytest.approx(3.0)
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"sampled.csv", "reweighted.csv", "exchange.csv", "reweighted-class.csv"} < written
    # And for people.
    shown = CliRunner().invoke(app, ["statistics", str(sampled)])
    assert shown.exit_code == 0
    assert "round trips" in shown.stdout
    # Replicas that hardly had the time are told, in JSON, in the terminal.
    assert (told["cautions"] == [NO_ROUND_TRIP]) == (told["exchange"]["round_trips"] == 0)
    capsys.readouterr()
    print_statistics({**told, "cautions": [NO_ROUND_TRIP]})
    assert "no replica has been to the hottest temperature and back" in capsys.readouterr().err


def test_temperatures_beyond_the_ladder_and_empty_runs_are_told(
    sampled: Path, tmp_path: Path
) -> None:
    with pytest.raises(NanochartError, match="covers 300 to 430 K"):
        run_statistics(sampled, temperatures=[700.0])
    (tmp_path / "run.toml").write_text(RUN_FILE)
    shutil.copytree(sampled / "landscape", tmp_path / "landscape")
    open_landscape(tmp_path)["snapshots"].commit(3)
    with pytest.raises(NanochartError, match="1 cycles after the burn-in; sample first"):
        run_statistics(tmp_path)


def told_while_sampling(folder: Path, text: str) -> tuple[list[str], str | None]:
    """Return what a run says while it samples, and the warning about its swaps at the end."""
    told: list[str] = []
    with open_run(folder, parse_run_file(text, where="test"), text, STAGES) as run:
        run.tell = told.append
        for name in ("seeds", "sample"):
            run.do(name, silent)
        return told, exchange_warning(run)


def test_neighbours_too_far_apart_are_told_with_what_to_do(tmp_path: Path) -> None:
    text = RUN_FILE.replace("[300, 360, 430]", "[100, 2000]")
    told, warning = told_while_sampling(tmp_path, text)
    # Once, as soon as the pair has tried often enough, not at the end.
    assert len(told) == 1
    assert told[0].startswith("100 and 2000 K accept ")
    assert warning is not None
    assert warning.startswith("100 and 2000 K accept ")
    assert "put a temperature between, 447 K" in warning


def test_a_time_step_that_is_stable_but_long_is_told(tmp_path: Path) -> None:
    text = RUN_FILE.replace("[sampling]", "[sampling]\ntimestep = 28")
    told, _ = told_while_sampling(tmp_path, text)
    assert len(told) == 1
    assert told[0].startswith("a time step of 28 fs is long for 430 K: ")
