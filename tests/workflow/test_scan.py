"""``nanochart scan``: tables of a run's minima or of files, and one line for what cannot be."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from nanochart.chart.protocol import TrainingSettings
from nanochart.errors import NanochartError
from nanochart.landscape import open_landscape
from nanochart.progress import silent
from nanochart.workflow.scan import scan

SETTINGS = TrainingSettings.of("compact", epochs=2)


def scanned(files, folder, **options):
    return scan(
        files,
        folder,
        **{
            "n_cvs": (1, 2, 3),
            "settings": SETTINGS,
            "device": "cpu",
            "species": None,
            "skip_bad": False,
            "progress": silent,
            **options,
        },
    )


@pytest.fixture
def run(tmp_path) -> Path:
    source = open_landscape("au90-small").path
    shutil.copytree(source, tmp_path / "run" / "landscape")
    return tmp_path / "run"


def test_a_run_s_minima(run, tmp_path):
    found = scanned([run], tmp_path / "scan")
    assert [row["n_cvs"] for row in found.rows] == [1, 2, 3]
    assert found.elbow == 2  # the only one with both neighbours
    with (tmp_path / "scan" / "scan.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [float(row["loss"]) for row in rows] == [row["loss"] for row in found.rows]
    record = json.loads((tmp_path / "scan" / "scan.json").read_text())
    assert record["settings"]["network"] == "compact"
    assert record["scan"] == found.rows
    assert record["n_structures"] == open_landscape("au90-small")["unique"].committed
    # going on with one more
    more = scanned([run], tmp_path / "scan", n_cvs=(1, 2, 3, 4))
    assert more.rows[:3] == found.rows


def test_what_cannot_be_scanned(run, tmp_path):
    with pytest.raises(NanochartError, match="give another --output"):
        scanned([run], tmp_path / "no" / "folder")
    (tmp_path / "file").write_text("")
    with pytest.raises(NanochartError, match="give another --output"):
        scanned([run], tmp_path / "file")
    scanned([run], tmp_path / "scan", n_cvs=(1,))
    other = TrainingSettings.of("compact", epochs=2, seed=5)
    with pytest.raises(NanochartError, match="another training"):
        scanned([run], tmp_path / "scan", settings=other, n_cvs=(1,))
