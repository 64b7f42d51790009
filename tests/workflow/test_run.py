"""What is done again and what is not, and what a run refuses."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nanochart.cli import app
from nanochart.cli.stages import seconds_of
from nanochart.errors import NanochartError
from nanochart.landscape import open_landscape
from nanochart.progress import silent
from nanochart.sampling.lammps import Engine
from nanochart.sampling.seeds import MOTIFS, Seed, seed_clusters
from nanochart.workflow.config import parse_run_file
from nanochart.workflow.run import OutOfTime, open_run
from nanochart.workflow.stages import STAGES
from nanochart.workflow.statistics import run_statistics

RUN_FILE = """
[system]
species = "Au"
n_atoms = 20
[sampling]
temperatures = [300, 450]
steps_per_cycle = 20
cycles = 10
commit_every = 5
[descriptor]
window = [40, 320]
[training]
epochs = 2
batch_size = 8
[resources]
workers = 1
"""


def do(folder: Path, text: str, *names: str, redo: bool = False) -> list[str]:
    """Do the stages named that are not finished; return which were done."""
    done = []
    with open_run(folder, parse_run_file(text, where="test"), text, STAGES, redo=redo) as run:
        for name in names:
            if not run.is_finished(name):
                run.do(name, silent)
                done.append(name)
    return done


FIRST = ("seeds", "sample", "quench", "classify", "unique")


def test_a_finished_unchanged_stage_is_skipped(tmp_path: Path) -> None:
    assert do(tmp_path / "run", RUN_FILE, *FIRST) == list(FIRST)
    assert do(tmp_path / "run", RUN_FILE, *FIRST) == []


LJ13 = """
[system]
species = "Ar"
n_atoms = 13
[potential]
kind = "lennard-jones"
epsilon = 0.0103
sigma = 3.4
[sampling]
temperatures = [0.1, 0.2]
steps_per_cycle = 2
timestep = 1
cycles = 1
commit_every = 1
[quench]
force_tolerance = 1e-5
[resources]
workers = 1
"""


def only(*kept: str) -> Callable[..., list[Seed]]:
    """Return what makes seeds of these motifs, and of no others."""

    def clusters(engine: Engine, *, motifs: tuple[str, ...], seed: int) -> list[Seed]:
        if not set(motifs) <= set(kept):
            raise NanochartError("could not be quenched")
        return seed_clusters(engine, motifs=motifs, seed=seed)

    return clusters


def test_all_replicas_may_begin_with_one_motif(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nanochart.workflow.sample.seed_clusters", only("Ih", "hcp"))
    do(tmp_path, LJ13.replace("[sampling]", '[sampling]\nstarts = "hcp"'), "seeds", "sample")
    landscape = open_landscape(tmp_path)
    seeds = landscape["seeds"]
    (seed,) = seeds.read("energy")[seeds.read("motif") == MOTIFS.index("hcp")]
    assert seed > seeds.read("energy").min() + 0.01  # the icosahedron is the best
    # Two steps at a tenth of a kelvin lead nowhere.
    np.testing.assert_allclose(landscape["snapshots"].read("energy"), seed, atol=1e-3)


def test_a_motif_that_there_is_no_seed_of_cannot_be_begun_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nanochart.workflow.sample.seed_clusters", only("Ih"))
    text = LJ13.replace("[sampling]", '[sampling]\nstarts = "Dh"')
    with pytest.raises(NanochartError, match="no Dh seed of Ar13 could be quenched"):
        do(tmp_path, text, "seeds", "sample")


@pytest.mark.parametrize(
    ("change", "redone"),
    [
        ("[quench]\nforce_tolerance = 1e-4", ["quench", "classify", "unique"]),
        ("[quench]\nforce_tolerance = 1e-3", ["quench", "classify", "unique"]),
        ("[quench]\nkick = 0.05", ["quench", "classify", "unique"]),
        ('[quench]\nminimiser = "lammps"', ["quench", "classify", "unique"]),
        ('[quench]\nminimiser = "auto"', []),
        ("[structure]\ncutoff = 3.4", ["classify", "unique"]),
        ("[structure]\nenergy_tolerance = 1e-3", ["unique"]),
        ("[families]\nbandwidth = 1.0", []),
    ],
)
def test_a_changed_setting_redoes_what_depends_on_it(
    change: str, redone: list[str], tmp_path: Path
) -> None:
    do(tmp_path / "run", RUN_FILE, *FIRST)
    assert do(tmp_path / "run", RUN_FILE + change, *FIRST) == redone


def test_a_stage_done_again_takes_those_that_build_on_it_along(tmp_path: Path) -> None:
    do(tmp_path / "run", RUN_FILE, *FIRST)
    records = tmp_path / "run" / "stages.json"
    kept = json.loads(records.read_text())
    del kept["quench"]
    records.write_text(json.dumps(kept))
    assert do(tmp_path / "run", RUN_FILE, *FIRST) == ["quench", "classify", "unique"]


def test_more_workers_redo_nothing(tmp_path: Path) -> None:
    do(tmp_path / "run", RUN_FILE, *FIRST)
    assert do(tmp_path / "run", RUN_FILE.replace("workers = 1", "workers = 2"), *FIRST) == []


def test_more_cycles_continue_the_sampling_to_the_same_bits(tmp_path: Path) -> None:
    longer = RUN_FILE.replace("cycles = 10", "cycles = 20")
    do(tmp_path / "grown", RUN_FILE, *FIRST)
    before = open_landscape(tmp_path / "grown")["snapshots"].read("positions")
    assert do(tmp_path / "grown", longer, *FIRST) == ["sample", "quench", "classify", "unique"]
    do(tmp_path / "whole", longer, *FIRST)
    grown, whole = (open_landscape(tmp_path / name) for name in ("grown", "whole"))
    assert (grown["snapshots"].read("positions")[: len(before)] == before).all()
    for group, name in (("snapshots", "positions"), ("quenched", "energy"), ("unique", "rdf")):
        assert (grown[group].read(name) == whole[group].read(name)).all()
    # The swap counters go on as well.
    assert grown["snapshots"].attributes["swap_attempts"] == [10]  # one pair, every other cycle


def test_snapshots_are_not_discarded_unasked(tmp_path: Path) -> None:
    other_seed = RUN_FILE.replace("cycles = 10", "cycles = 10\nseed = 5")
    do(tmp_path / "run", RUN_FILE, *FIRST)
    with pytest.raises(NanochartError, match=r"holds 20 snapshots.*--redo"):
        do(tmp_path / "run", other_seed, *FIRST)
    with pytest.raises(NanochartError, match="fewer cycles"):
        do(tmp_path / "run", RUN_FILE.replace("cycles = 10", "cycles = 5"), *FIRST)
    with pytest.raises(NanochartError, match="another commit_every"):
        do(tmp_path / "run", RUN_FILE.replace("commit_every = 5", "commit_every = 10"), *FIRST)
    assert do(tmp_path / "run", other_seed, *FIRST, redo=True) == list(FIRST[1:])


def test_a_folder_of_another_system_is_refused(tmp_path: Path) -> None:
    do(tmp_path / "run", RUN_FILE, "seeds")
    kept = (tmp_path / "run" / "run.toml").read_text()
    with pytest.raises(NanochartError, match="holds Au20, not Ag20"):
        do(tmp_path / "run", RUN_FILE.replace('"Au"', '"Ag"'), "seeds")
    assert (tmp_path / "run" / "run.toml").read_text() == kept


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with (tmp_path / "run" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(NanochartError, match="another nanochart is at work"):
            do(tmp_path / "run", RUN_FILE, "seeds")


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    do(tmp_path / "run", RUN_FILE, "seeds")
    (tmp_path / "run" / "stages.json").write_text("{")
    with pytest.raises(NanochartError, match=r"stages\.json: is damaged"):
        do(tmp_path / "run", RUN_FILE, "seeds")


def test_from_a_run_file_to_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Hot and long enough for more than the ten structures that training asks for.
    hot = RUN_FILE.replace("[300, 450]", "[700, 900]").replace("cycles = 10", "cycles = 20")
    Path("tiny.toml").write_text(hot.replace("steps_per_cycle = 20", "steps_per_cycle = 200"))
    # Sampled and quenched only, it is classified all the same.
    for verb, what in (("sample", "tiny.toml"), ("quench", "tiny")):
        CliRunner().invoke(app, [verb, what], catch_exceptions=False)
    told = CliRunner().invoke(app, ["classify", "tiny", "--json"], catch_exceptions=False)
    assert json.loads(told.stdout)["total"] == len(open_landscape("tiny")["unique"].read("rdf"))
    told = CliRunner().invoke(app, ["run", "tiny.toml", "--json"], catch_exceptions=False)
    result = json.loads(told.stdout)
    assert Path(result["result"]) == Path("tiny/report.html")
    assert list(result["stages"]) == [stage.name for stage in STAGES]
    page = Path("tiny/report.html").read_text()
    assert "Au20" in page
    assert "not in equilibrium" in page
    trips = run_statistics(Path("tiny"))["exchange"]["round_trips"]
    assert ("No replica has been to the hottest temperature and back" in page) == (trips == 0)
    text = Path("tiny/run.toml").read_text()
    for epochs in (3, 2):  # on from where it was, and anew
        Path("tiny/run.toml").write_text(text.replace("epochs = 2", f"epochs = {epochs}"))
        again = CliRunner().invoke(app, ["train", "tiny", "--json"], catch_exceptions=False)
        assert again.exit_code == 0, again.output
        history = json.loads(Path("tiny/training.json").read_text())["history"]
        assert len(history["validation_loss"]) == epochs
    CliRunner().invoke(app, ["run", "tiny/run.toml"], catch_exceptions=False)
    chart = open_landscape("tiny")["chart"]
    assert chart.read("cvs").shape == (40, 3)
    assert (chart.read("family") >= 0).all()


def test_a_run_out_of_time_stops_at_a_commit_and_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    text = (
        '[system]\nspecies = "Au"\nn_atoms = 13\n[sampling]\ntemperatures = [300, 400]\n'
        "steps_per_cycle = 20\nburn_in = 2\ncycles = 8\ncommit_every = 2\n"
        "[resources]\nworkers = 1\n"
    )
    file = parse_run_file(text, where="test")
    energies = []
    for name in ("whole", "parts"):
        with open_run(tmp_path / name, file, text, STAGES) as run:
            run.do("seeds", silent)
            if name == "parts":
                run.deadline = time.monotonic()
                for rows in (0, 4, 8):  # after the burn-in, and after every commit
                    with pytest.raises(OutOfTime):
                        run.do("sample", silent)
                    assert run.landscape["snapshots"].committed == rows
                    assert not run.is_finished("sample")
                run.deadline = time.monotonic() + 1e6
            run.do("sample", silent)
            energies.append(run.landscape["snapshots"].read("energy"))
    assert np.array_equal(*energies)


@pytest.mark.parametrize(
    ("walltime", "seconds"),
    [("90", 5400), ("1:30", 90), ("2:00:01", 7201), ("1-00:00:00", 86400), ("1-2", 93600)],
)
def test_times_are_read_as_slurm_writes_them(walltime: str, seconds: float) -> None:
    assert seconds_of(walltime) == seconds


def test_no_time_ends_before_the_first_stage_with_its_own_status(tmp_path: Path) -> None:
    (tmp_path / "au.toml").write_text(
        '[system]\nspecies = "Au"\nn_atoms = 13\n[sampling]\ntemperatures = [300]\ncycles = 10\n'
    )
    call = ["sample", str(tmp_path / "au.toml"), "-o", str(tmp_path / "au")]
    done = CliRunner().invoke(app, [*call, "--walltime", "0:00"])
    assert done.exit_code == 75
    assert not (tmp_path / "au" / "landscape" / "seeds").exists()
    for wrong in ("soon", "1:2:3:4", "-5", ""):
        with pytest.raises(NanochartError, match="HH:MM:SS"):
            seconds_of(wrong)
