"""A run killed with SIGKILL, wherever, ends with the same bits as an undisturbed one."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from nanochart.landscape import SCHEMA, open_landscape

RUN_FILE = """
[system]
species = "Au"
n_atoms = 38

[sampling]
temperatures = [400, 500, 600, 700]
starts = "motifs"
steps_per_cycle = 100
burn_in = 3
cycles = 24
commit_every = 2
seed = 3

[descriptor]
window = [40, 320]

[training]
epochs = 6
batch_size = 32
halve_at = [4]

[resources]
workers = 2
"""

#: Runs the command line, but dies with SIGKILL at the n-th atomic replacement of a file whose
#: path holds a given text, just before it or just after.
KILLED_AT = """
import os, signal, sys
from nanochart import cli

def die_at(text, n, moment):
    replace, seen = os.replace, 0
    def replace_or_die(source, target, **options):
        nonlocal seen
        seen += text in str(target)
        fatal = text in str(target) and seen == n
        if fatal and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target, **options)
        if fatal:
            os.kill(os.getpid(), signal.SIGKILL)
    os.replace = replace_or_die

if __name__ == "__main__":  # not in the workers, which import this file
    die_at(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    sys.argv = ["nanochart", *sys.argv[4:]]
    cli.main()
"""


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "au38.toml"
    path.write_text(RUN_FILE)
    return path


@pytest.fixture(scope="module")
def undisturbed(run_file: Path) -> Path:
    folder = run_file.parent / "undisturbed"
    finish(run_file, folder)
    return folder


#: All stages but the report, which holds nothing that is resumed and takes as long as the rest.
WITHOUT_REPORT = """
import sys
from pathlib import Path
from nanochart.cli.stages import do_stages
if __name__ == "__main__":
    do_stages(Path(sys.argv[1]), Path(sys.argv[2]), until="project")
"""


def command(run_file: Path, folder: Path) -> list[str]:
    return [sys.executable, "-c", WITHOUT_REPORT, str(run_file), str(folder)]


def finish(run_file: Path, folder: Path) -> None:
    done = subprocess.run(command(run_file, folder), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def digests(folder: Path) -> dict[str, str]:
    """Return a hash of every array a run made."""
    landscape = open_landscape(folder)
    arrays = {
        f"{group}/{name}": landscape[group].read(name)
        for group, variables in SCHEMA.items()
        for name in variables
    }
    arrays |= {f"chart/{k}": v for k, v in load_file(folder / "chart.safetensors").items()}
    arrays["loss"] = np.array(
        json.loads((folder / "training.json").read_text())["history"]["validation_loss"]
    )
    return {
        name: hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
        for name, array in arrays.items()
    }


def assert_same(folder: Path, undisturbed: Path) -> None:
    expected, found = digests(undisturbed), digests(folder)
    assert expected.keys() == found.keys()
    assert [name for name in expected if expected[name] != found[name]] == []


@pytest.mark.parametrize(
    ("text", "n", "moment"),
    [
        ("snapshots/positions/c/", 3, "before"),  # inside a landscape write
        ("snapshots/energy/c/", 2, "after"),
        ("state-", 3, "after"),  # state written, rows not committed
        ("snapshots/zarr.json", 4, "before"),
        ("quenched/energy/c/", 2, "after"),
        ("checkpoint-", 2, "before"),  # inside a checkpoint
        ("checkpoint-", 3, "after"),
        ("chart.safetensors", 1, "after"),  # the stage is done, but not recorded
    ],
)
def test_killed_inside_a_write(
    text: str, n: int, moment: str, run_file: Path, undisturbed: Path, tmp_path: Path
) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED_AT)
    folder = tmp_path / "run"
    killed = subprocess.run(
        [sys.executable, script, text, str(n), moment, "run", run_file, "-o", folder],
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL  # it died where it was meant to
    finish(run_file, folder)
    assert_same(folder, undisturbed)


def test_killed_at_twenty_random_moments(run_file: Path, undisturbed: Path, tmp_path: Path) -> None:
    chance = random.Random(20)
    kills, folders = 0, 0
    while kills < 20:
        folder = tmp_path / f"run-{folders}"
        folders += 1
        while kills < 20:
            process = subprocess.Popen(
                command(run_file, folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            try:
                process.wait(timeout=chance.uniform(0.5, 6.0))
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
            _, errors = process.communicate()
            if process.returncode == 0:
                break
            assert process.returncode == -signal.SIGKILL, errors.decode()
        finish(run_file, folder)
        assert_same(folder, undisturbed)


def test_workers_end_with_their_killed_run(run_file: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(run_file, tmp_path / "run"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        process.kill()
        pytest.skip("no /proc here")
    workers: list[int] = []
    deadline = time.monotonic() + 60
    while len(workers) < 3 and process.poll() is None and time.monotonic() < deadline:
        workers = [int(child) for child in children.read_text().split()]
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert len(workers) >= 3  # two workers and multiprocessing's own tracker
    time.sleep(2.0)
    assert [pid for pid in workers if _is_alive(pid)] == []


def _is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
