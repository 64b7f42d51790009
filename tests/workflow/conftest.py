"""A run that several tests read: made once."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from nanochart.cli import app

RUN_FILE = """
[system]
species = "Au"
n_atoms = 20
[sampling]
temperatures = [300, 900]
starts = "motifs"
steps_per_cycle = 200
cycles = 60
commit_every = 30
[descriptor]
window = [40, 320]
[training]
epochs = 3
batch_size = 16
[families]
bandwidth = 0.3
minimum_size = 3
[resources]
workers = 1
"""


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a finished run of 20 atoms; to be read, not changed."""
    folder = tmp_path_factory.mktemp("small-run")
    (folder / "au20.toml").write_text(RUN_FILE, encoding="utf-8")
    run = folder / "au20"
    done = CliRunner().invoke(app, ["run", str(folder / "au20.toml"), "-o", str(run), "--json"])
    assert done.exit_code == 0, done.output
    return run
