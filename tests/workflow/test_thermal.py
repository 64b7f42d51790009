"""``nanochart thermal``: the shipped landscape's hot snapshots, and runs that have none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from nanochart import cli
from nanochart.chart.chart import load_chart
from nanochart.chart.making import train
from nanochart.chart.protocol import TrainingSettings
from nanochart.landscape import open_landscape
from nanochart.workflow.thermal import read_pairs


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run folder with the landscape that ships and a chart of it."""
    folder = tmp_path_factory.mktemp("run")
    landscape = open_landscape("au90-small")
    shutil.copytree(landscape.path, folder / "landscape")
    positions = landscape["quenched"].read("positions").astype(float)
    settings = TrainingSettings.of("compact", epochs=3)
    train(positions, species="Au", settings=settings).save(folder / "chart.safetensors")
    return folder


def told(capsys, *arguments):
    """Return the exit code and what was printed."""
    try:
        cli.app(["thermal", *map(str, arguments)], standalone_mode=False)
    except cli.NanochartError as error:
        return 1, str(error)
    return 0, capsys.readouterr().out


def test_a_run_gets_its_thermal_chart(run, tmp_path, capsys):
    output = tmp_path / "t.safetensors"
    code, text = told(capsys, run, "-o", output, "--epochs", 2, "--device", "cpu", "--json")
    assert code == 0
    result = json.loads(text)
    pairs = read_pairs(open_landscape(run), load_chart(run / "chart.safetensors"))
    assert result["trained_on"] + result["held_out"] == len(pairs.hot)
    assert sum(row["n"] for row in result["temperatures"]) == result["held_out"]
    assert 0 <= result["same_family"] <= 1
    assert load_chart(output).mode == "thermal"
    assert not output.with_name(output.name + ".checkpoint").exists()
    assert told(capsys, run, "-o", output, "--epochs", 2, "--device", "cpu")[0] == 0


def test_what_has_no_thermal_chart(run, tmp_path, capsys):
    code, text = told(capsys, tmp_path, "-o", tmp_path / "t.safetensors")
    assert code == 1
    assert "no run with a chart" in text
    code, text = told(capsys, run, "-o", tmp_path / "nowhere" / "t.safetensors")
    assert code == 1
    assert "folder does not exist" in text
