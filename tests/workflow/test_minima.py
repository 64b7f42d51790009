"""The search for minima: stopped and resumed, on any number of workers, the same bits."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
from typer.testing import CliRunner

from nanochart.cli import app
from nanochart.errors import NanochartError
from nanochart.sampling.basin_hopping import HoppingSettings
from nanochart.workflow.minima import find_minima

COLD = HoppingSettings(seed=5)


def test_stopped_and_resumed_by_two_workers_it_finds_the_same(tmp_path: Path) -> None:
    whole = find_minima("Cu", 38, tmp_path / "whole", n_steps=40, settings=COLD, n_workers=1)
    find_minima("Cu", 38, tmp_path / "parts", n_steps=20, settings=COLD, n_workers=1)
    parts = find_minima("Cu", 38, tmp_path / "parts", n_steps=40, settings=COLD, n_workers=2)
    assert parts["minima"] == whole["minima"]
    one, other = (np.load(tmp_path / name / "walks.npz") for name in ("whole", "parts"))
    for name in one.files:
        assert np.array_equal(one[name], other[name]), name
    # Cu38 is a truncated octahedron in this potential (Baletto & Ferrando, Rev. Mod. Phys. 77,
    # 371 (2005)): the fcc seed is that already, and nothing lower may be found.
    assert whole["minima"][0]["class"] == "Fcc"
    assert whole["minima"][0]["above_lowest"] == 0.0
    with (tmp_path / "whole" / "minima.csv").open() as file:
        table = list(csv.DictReader(file))
    frames = ase.io.read(tmp_path / "whole" / "minima.extxyz", ":")
    assert [row["class"] for row in table] == [one["class"] for one in whole["minima"]]
    assert len(frames) == len(table) > 1
    with pytest.raises(NanochartError, match="another seed; give another folder"):
        find_minima("Cu", 38, tmp_path / "whole", n_steps=40, n_workers=1)
    (tmp_path / "whole" / "walks.npz").write_bytes(b"half a file")
    with pytest.raises(NanochartError, match=r"walks\.npz: is damaged"):
        find_minima("Cu", 38, tmp_path / "whole", n_steps=40, settings=COLD, n_workers=1)


def test_the_verb_prints_json_and_refuses_other_elements(tmp_path: Path) -> None:
    call = ["seeds", "Ni", "13", "--steps", "2", "--workers", "1", "--json"]
    done = CliRunner().invoke(app, [*call, "-o", str(tmp_path / "ni")])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["system"] == "Ni13"
    assert told["minima"][0]["class"] == "Ih"
    refused = CliRunner().invoke(app, [*call, "--potential", "Au", "-o", str(tmp_path / "x")])
    assert "is for Au, not Ni" in str(refused.exception)
