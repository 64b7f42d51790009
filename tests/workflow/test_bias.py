"""Biased runs on the disk: killed, continued, shared by walkers, refused; and what they tell."""

from __future__ import annotations

import csv
import itertools
import json
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms

from nanochart.bias.tables import comments_of, read_table
from nanochart.chart.chart import THERMAL, Chart, load_chart
from nanochart.chart.compact import CompactAutoencoder
from nanochart.chart.domain import Domain
from nanochart.chart.families import Families, Family
from nanochart.dcd import open_dcd
from nanochart.descriptor.rdf import PAPER_GRID, RadialBasis, rdf_of_positions
from nanochart.descriptor.scaling import MinMaxScaling
from nanochart.dynamics.md import MdSettings
from nanochart.errors import NanochartError
from nanochart.progress import silent
from nanochart.sampling.lammps import engine_for
from nanochart.sampling.rgl import rgl
from nanochart.sampling.seeds import seed_clusters
from nanochart.units import BOLTZMANN
from nanochart.workflow.bias import run_bias
from nanochart.workflow.bias_file import plan_of
from nanochart.workflow.bias_options import bias_of_options
from nanochart.workflow.bias_start import BiasOptions
from nanochart.workflow.free_energy import free_energies

SETTINGS = MdSettings(temperature=400.0, steps_per_frame=10, damping=1.0, seed=4, block=4)
OPTIONS = BiasOptions(equilibrate=1.0)
METAD: dict[str, Any] = {
    "metad": "cv1",
    "sigma": "0.2",
    "height": 0.05,
    "pace": 0.1,
    "bias_factor": 5.0,
}
#: The same as `run` does, on the command line.
ARGUMENTS = [
    *("bias", "au13.safetensors", "ih", "--temperature=400", "--time=0.001", "--interval=0.05"),
    *("--metad=cv1", "--sigma=0.2", "--height=0.05", "--pace=0.1", "--bias-factor=5", "--seed=4"),
    *("--block=4", "--equilibrate=1", "--output=a.dcd"),
]
#: Runs the command line, but dies with SIGKILL before its n-th ``fsync``.
KILLED = """
import os, signal, sys
from nanochart import cli
fsync, left = os.fsync, int(sys.argv[1])
def fsync_or_die(handle):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(handle)
os.fsync = fsync_or_die
sys.argv = ["nanochart", *sys.argv[2:]]
cli.main()
"""


@pytest.fixture(scope="module")
def chart_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thermal chart of Au13 by a network that never learned: smooth, which is all that counts."""
    engine = engine_for(rgl("Au"), 13)
    start = seed_clusters(engine, motifs=("Ih",))[0].positions
    velocities = engine.thermal_velocities(800.0, np.random.default_rng(0))
    hot = engine.trajectory(
        start,
        velocities,
        temperature=600.0,
        n_frames=200,
        steps_per_frame=50,
        damping=0.5,
        seed=1,
    ).positions
    window = (40, 200)
    rdf = rdf_of_positions(hot, RadialBasis(PAPER_GRID, 0.2, window))
    scaling = MinMaxScaling.fit(rdf)
    torch.manual_seed(1)
    model = CompactAutoencoder(rdf.shape[1], 2).eval()
    inputs = torch.from_numpy(scaling.transform(rdf).astype(np.float32))
    model.fit_to(inputs)
    with torch.no_grad():
        model.encoder[-1].weight.mul_(1.0 / model.encode(inputs).std(dim=0)[:, None])
        cvs = model.encode(inputs).numpy()
    low, high = np.quantile(cvs, (0.1, 0.9), axis=0)
    # Two families far off, where no cluster is: the grid of hills goes by the range of all, and
    # must hold whatever a hot cluster does.
    places = {"low": low, "high": high, "below": 2 * low - high, "above": 2 * high - low}
    members = tuple(
        Family(i, tuple(place.tolist()), 120 if i == 0 else 80, name)
        for i, (name, place) in enumerate(places.items())
    )
    path = tmp_path_factory.mktemp("chart") / "au13.safetensors"
    Chart(
        model=model,
        scaling=scaling,
        grid=PAPER_GRID,
        bandwidth=0.2,
        window=window,
        species="Au",
        n_atoms=13,
        domain=Domain.of(rdf, np.zeros(len(rdf)), PAPER_GRID, 13),
        error_quantiles={},
        mode=THERMAL,
        families=Families(members, 1.0, 1),
    ).save(path)
    return path


def run(folder: Path, chart: Path, bias: dict[str, Any] | None = None, **options: Any) -> Any:
    given: dict[str, Any] = {
        "start": "ih",
        "output": folder / "a.dcd",
        "settings": SETTINGS,
        "n_frames": 20,
        "options": OPTIONS,
        "progress": silent,
    }
    given |= options
    what = bias_of_options(None, **(METAD if bias is None else bias))
    start, output = given.pop("start"), given.pop("output")
    return run_bias(str(chart), start, output, bias=what, **given)


def content(folder: Path, name: str = "a.dcd") -> dict[str, Any]:
    record = json.loads((folder / f"{name}.json").read_text())
    files = {suffix: (folder / f"{name}{suffix}") for suffix in ("", ".csv", ".COLVAR", ".HILLS")}
    same = {key: record[key] for key in ("frames", "state", "more")}
    return same | {suffix: path.read_bytes() for suffix, path in files.items() if path.exists()}


@pytest.fixture(scope="module")
def undisturbed(chart_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("bias")
    run(folder, chart_file)
    return content(folder)


def test_a_run_killed_at_any_write_ends_with_the_bits_of_an_undisturbed_one(
    undisturbed: dict[str, Any], chart_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "au13.safetensors").write_bytes(chart_file.read_bytes())
    chance = random.Random(3)
    for _ in range(3):
        command = [sys.executable, "-c", KILLED, str(chance.randint(4, 22)), *ARGUMENTS]
        killed = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        assert killed.returncode in (0, -signal.SIGKILL), killed.stderr.decode()
        if killed.returncode == 0:
            break
    run(tmp_path, chart_file)
    assert content(tmp_path) == undisturbed


def test_more_time_continues_to_the_same_bits_also_of_a_moving_restraint(
    undisturbed: dict[str, Any], chart_file: Path, tmp_path: Path
) -> None:
    for n_frames in (4, 11, 20):  # 11: rounded up to 12
        run(tmp_path, chart_file, n_frames=n_frames)
    # The length that was asked for at first is kept, for restraints that arrive at the end.
    assert {**content(tmp_path), "more": None} == {**undisturbed, "more": None}
    steer = {"steer_to": "1", "spring": 0.5}
    for folder, lengths in (("whole", (8,)), ("parts", (8, 12, 16))):
        (tmp_path / folder).mkdir()
        for n_frames in lengths:
            told = run(tmp_path / folder, chart_file, steer, n_frames=n_frames)
    parts, whole = (read_table(tmp_path / one / "a.dcd.COLVAR")[0] for one in ("parts", "whole"))
    np.testing.assert_array_equal(parts["cv1"][:2], whole["cv1"][:2])
    centres = parts["steer.cv1_cntr"]
    assert centres[1] == centres[-1] != centres[0]  # it arrives after 8 frames, and rests
    assert told["work_eV"] == pytest.approx(parts["steer.work"][-1], abs=1e-4)


def test_the_record_is_consistent(undisturbed: dict[str, Any]) -> None:
    assert undisturbed["frames"] == 20
    table = undisturbed[".COLVAR"].decode().splitlines()
    assert table[0] == "#! FIELDS time cv1 cv2 rg walls.bias metad.bias metad.rct family"
    rows = np.array([line.split() for line in table[1:]], dtype=float)
    assert len(rows) == 20 * 50 // 200  # every 0.2 ps of 1 ps
    hills = [line for line in undisturbed[".HILLS"].decode().splitlines() if line[0] != "#"]
    assert len(hills) == 10
    assert len({len(line) for line in hills}) == 1


def test_walkers_share_their_hills_in_any_number_of_processes(
    chart_file: Path, tmp_path: Path
) -> None:
    two = replace(OPTIONS, n_walkers=2)
    for folder, workers in (("one", 1), ("two", 2)):
        (tmp_path / folder).mkdir()
        run(tmp_path / folder, chart_file, options=two, n_frames=8, n_workers=workers)
    for i in range(2):
        name = f"a.{i}.dcd"
        assert content(tmp_path / "one", name) == content(tmp_path / "two", name)
    first, second = (read_table(tmp_path / f"one/a.{i}.dcd.HILLS")[0] for i in range(2))
    # Of the first round each knows its own hills only; from the second on both are lower.
    assert first["height"][0] == second["height"][0] == pytest.approx(0.05 * 5 / 4)
    run(tmp_path, chart_file, n_frames=8)
    alone = read_table(tmp_path / "a.dcd.HILLS")[0]
    np.testing.assert_array_equal(alone["height"][:2], first["height"][:2])
    assert not np.array_equal(alone["height"][2:], first["height"][2:])


def test_walkers_begin_at_several_starts_in_turn(chart_file: Path, tmp_path: Path) -> None:
    three = replace(OPTIONS, n_walkers=3)
    hold = {"restrain": "0", "spring": 0.5}
    told: dict[str, float] = {}

    def progress(*_: int, **figures: float) -> None:
        told.update(figures)

    given: dict[str, Any] = {"options": three, "n_frames": 4, "progress": progress}
    run(tmp_path, chart_file, hold, start="ih, fcc", **given)
    last = [read_table(tmp_path / f"a.{i}.dcd.COLVAR")[0] for i in range(3)]
    families = [told["family"], told["walker_1_family"], told["walker_2_family"]]
    assert families == [one["family"][-1] for one in last]
    assert told["cv1"] == last[0]["cv1"][-1]
    records = [json.loads((tmp_path / f"a.{i}.dcd.json").read_text()) for i in range(3)]
    assert [one["settings"]["start"] for one in records] == ["Ih", "fcc", "Ih"]
    (tmp_path / "ih").mkdir()
    run(tmp_path / "ih", chart_file, hold, options=three, n_frames=4)
    assert content(tmp_path, "a.0.dcd") == content(tmp_path / "ih", "a.0.dcd")
    assert content(tmp_path, "a.1.dcd") != content(tmp_path / "ih", "a.1.dcd")
    with pytest.raises(NanochartError, match="2 starts for 1 walkers; give --walkers 2"):
        run(tmp_path, chart_file, hold, start="ih,fcc", output=tmp_path / "b.dcd")


def test_hills_of_another_run_are_gone_on_from(
    undisturbed: dict[str, Any], chart_file: Path, tmp_path: Path
) -> None:
    before = tmp_path / "HILLS"
    before.write_bytes(undisturbed[".HILLS"])
    options = replace(OPTIONS, hills=before)
    run(tmp_path, chart_file, options=options, n_frames=4)
    hills = read_table(tmp_path / "a.dcd.HILLS")[0]
    assert len(hills["time"]) == 10 + 2
    assert hills["height"][10] < hills["height"][0]
    colder = replace(SETTINGS, temperature=300.0)
    with pytest.raises(NanochartError, match="of another chart or temperature"):
        run(tmp_path, chart_file, options=options, settings=colder, output=tmp_path / "b.dcd")
    # PLUMED's own files say nothing of that, and are taken at their word.
    plain = [line for line in before.read_text().splitlines() if not line.startswith("# ")]
    before.write_text("\n".join(plain) + "\n")
    assert comments_of(before) == []
    run(tmp_path, chart_file, options=options, n_frames=4, output=tmp_path / "c.dcd")
    other = {**METAD, "bias_factor": 7.0}
    with pytest.raises(NanochartError, match="have the bias factor 5, this run 7"):
        run(tmp_path, chart_file, other, options=options, output=tmp_path / "d.dcd")
    assert not (tmp_path / "d.dcd").exists()


def test_pandas_reads_what_was_written(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "HILLS").write_bytes(undisturbed[".HILLS"])
    columns, constants = read_table(tmp_path / "HILLS")
    assert constants == {"multivariate": "false", "kerneltype": "gaussian"}
    assert list(columns) == ["time", "cv1", "sigma_cv1", "height", "biasf"]
    plain = np.loadtxt(tmp_path / "HILLS", comments="#")
    np.testing.assert_array_equal(plain, np.column_stack(list(columns.values())))


@pytest.mark.parametrize(
    ("bias", "options", "told"),
    [
        ({}, {}, "nothing to bias with"),
        ({"restrain": "cv3=1"}, {}, "no variable 'cv3'"),
        ({"restrain": "7"}, {}, "there is no family 7"),
        ({"steer_to": "1", "via": ["rg=6"]}, {}, "on the way need values of cv1, cv2"),
        ({**METAD, "bias_factor": 1.0}, {}, "bias factor of 1 makes no bias"),
        ({**METAD, "metad": "s"}, {}, "there is no variable 's'"),
        ({"restrain": "0", "every": 6}, {}, "every 30 fs; at most 25 fs"),
        ({**METAD, "pace": 0.3}, {}, "pace: every 60 steps does not divide a block of 40 steps"),
        (None, {"start": "zz"}, "zz: no such file, and no motif"),
        (None, {"output": Path("a.xyz")}, r"ends in \.dcd"),
        (None, {"options": replace(OPTIONS, hills=Path("none"))}, "none: cannot be read"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_written(
    bias: dict[str, Any] | None,
    options: dict[str, Any],
    told: str,
    chart_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NanochartError, match=told) as caught:
        run(tmp_path, chart_file, bias, **options)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_start_of_another_size_or_outside_the_domain_is_refused(
    chart_file: Path, tmp_path: Path
) -> None:
    ase.io.write(tmp_path / "12.extxyz", Atoms("Au12", positions=np.arange(36.0).reshape(12, 3)))
    with pytest.raises(NanochartError, match=r"12 atoms.*13|13.*12 atoms"):
        run(tmp_path, chart_file, start=str(tmp_path / "12.extxyz"))
    chain = np.arange(13.0)[:, None] * [2.6, 0, 0]  # all atoms in a row
    ase.io.write(tmp_path / "row.extxyz", Atoms("Au13", positions=chain))
    short = replace(OPTIONS, equilibrate=0.1)
    with pytest.raises(NanochartError, match="outside the chart's domain"):
        run(tmp_path, chart_file, start=str(tmp_path / "row.extxyz"), options=short)
    assert not (tmp_path / "a.dcd").exists()


@pytest.mark.parametrize("what", ["temperature", "chart", "spring"])
def test_a_run_is_not_gone_on_with_otherwise(what: str, chart_file: Path, tmp_path: Path) -> None:
    hold = {"restrain": "0", "spring": 0.5}
    run(tmp_path, chart_file, hold, n_frames=4)
    before = content(tmp_path)
    options: dict[str, Any] = {}
    chart = chart_file
    if what == "temperature":
        options["settings"] = replace(SETTINGS, temperature=350.0)
    elif what == "chart":
        chart = tmp_path / "other.safetensors"
        replace(load_chart(chart_file), provenance={"another": 1}).save(chart)
    else:
        hold = {"restrain": "0", "spring": 0.6}
    with pytest.raises(NanochartError, match=rf"4 frames of another run \(.*{what}"):
        run(tmp_path, chart, hold, n_frames=8, **options)
    assert content(tmp_path) == before


def test_a_bias_that_tears_the_cluster_apart_stops_and_keeps_what_was_good(
    chart_file: Path, tmp_path: Path
) -> None:
    pull = {"steer_to": "rg=9.0", "spring": 20.0, "walls": ["rg<20"]}
    # A strong bath, or the run stops for the heat of such a pull.
    cool = replace(SETTINGS, damping=0.1)
    with pytest.raises(NanochartError, match=r"after .* ns: an atom escaped at .* wall on rg"):
        run(tmp_path, chart_file, pull, n_frames=240, settings=cool)
    kept = json.loads((tmp_path / "a.dcd.json").read_text())["frames"]
    assert kept == open_dcd(tmp_path / "a.dcd").n_frames > 0
    frames = np.concatenate(list(open_dcd(tmp_path / "a.dcd").frames()))
    assert np.isfinite(frames).all()
    assert np.linalg.norm(frames, axis=2).max() < 9.0


def test_a_bias_that_heats_the_cluster_is_stopped_and_the_hot_block_not_kept(
    chart_file: Path, tmp_path: Path
) -> None:
    pull = {"steer_to": "rg=9.0", "spring": 60.0, "walls": ["rg<20"]}
    with pytest.raises(NanochartError, match=r"heats the cluster to .* 400 K.* every 10 fs"):
        run(tmp_path, chart_file, pull, n_frames=80)
    kept = json.loads((tmp_path / "a.dcd.json").read_text())["frames"]
    table = np.loadtxt(tmp_path / "a.dcd.csv", delimiter=",", skiprows=1, ndmin=2)
    assert len(table) == kept
    # Every block that was kept is cooler than what stops a run: 1.5 + 5 √(2 / (3 · 13 · 4)) baths.
    assert all(one.mean() < 2.07 * 400 for one in table[:, 3].reshape(-1, SETTINGS.block))


def test_walls_are_softer_for_impulses_far_apart(chart_file: Path) -> None:
    chart, potential = load_chart(chart_file), rgl("Au")
    springs = {}
    for every in (1, 2, 4):
        file = bias_of_options(None, **METAD, every=every)
        begin = {"cv1": 0.0, "cv2": 0.0, "rg": 5.0}
        times = {"temperature": 400.0, "timestep": 5.0, "time": 100.0}
        plan = plan_of(file, chart, potential, **times, begin=begin)
        springs[every] = {wall.variable: wall.spring for wall in plan.walls}
    assert springs[1] == springs[2]
    assert springs[4]["cv1"] == pytest.approx(springs[2]["cv1"] / 4)
    assert springs[4]["rg"] == springs[1]["rg"]


def test_free_energies_of_what_was_run(chart_file: Path, tmp_path: Path) -> None:
    told = run(tmp_path, chart_file, n_frames=80)
    assert told["families_visited"] >= 1
    for by in ("time", "final"):
        found = free_energies(
            [tmp_path / "a.dcd"], tmp_path / f"{by}.csv", by=by, surface=["cv1"], bins=5, n_blocks=2
        )
        assert sum(row[1] for row in found.states) == pytest.approx(1.0)
        assert found.states[0][3] == 0.0
        rows = list(csv.DictReader((tmp_path / f"{by}-surface.csv").read_text().splitlines()))
        assert min(float(row["free_energy_eV"]) for row in rows) == 0.0
    steer = {"steer_to": "1"}
    run(tmp_path, chart_file, steer, n_frames=8, output=tmp_path / "s.dcd")
    with pytest.raises(NanochartError, match="was steered, which is no equilibrium"):
        free_energies([tmp_path / "s.dcd"], tmp_path / "s.csv", n_blocks=2)
    windows = []
    for i in range(2):
        windows.append(tmp_path / f"w{i}.dcd")
        hold = {"restrain": str(i), "spring": 0.1}
        run(tmp_path, chart_file, hold, n_frames=40, output=windows[-1])
    found = free_energies(windows, tmp_path / "w.csv", n_blocks=2)
    assert found.summary["weights"] == "MBAR"
    with pytest.raises(NanochartError, match=r"w0\.dcd: has other hills than .*a\.dcd"):
        free_energies([tmp_path / "a.dcd", windows[0]], tmp_path / "s.csv", n_blocks=2)


def test_free_energies_of_classes_of_minima(chart_file: Path, tmp_path: Path) -> None:
    # Which class a table gives a frame is made up here: what counts is which samples it weighs.
    run(tmp_path, chart_file, n_frames=80)
    columns = read_table(tmp_path / "a.dcd.COLVAR")[0]
    frames = np.arange(3, 80, 4)  # a frame each 0.05 ps, a row of COLVAR each 0.2 ps
    classes = np.random.default_rng(0).permutation(np.arange(len(frames)) % 3)
    names = np.array(["Dh", "Twin", "Mix"])[classes]
    table = tmp_path / "minima.csv"
    cells = [
        f"far/a.dcd,{k},0,0,0,{0.05 * (k + 1):.12g},{name}"
        for k, name in zip(frames, names, strict=True)
    ]
    table.write_text("\n".join(["file,frame,cv1,cv2,family,time_ps,class", *cells]) + "\n")
    of = ([tmp_path / "a.dcd"], tmp_path / "f.csv")
    found = free_energies(*of, discard=0.2, n_blocks=2, minima=table, between=("dh", "Twin"))
    kt = BOLTZMANN * SETTINGS.temperature
    weights = np.exp((columns["metad.bias"] - columns["metad.rct"]) / kt)
    springs = columns["walls.bias"]
    weights *= np.exp(springs / kt)
    kept = slice(len(weights) // 5, None)
    whole = weights[kept].sum()
    shares = {str(k): weights[kept][names[kept] == k].sum() / whole for k in set(names)}
    assert found.kind == "class"
    assert {row[0]: row[1] for row in found.states} == pytest.approx(shares)
    told = found.summary
    expected = -kt * np.log(shares["Twin"] / shares["Dh"])
    assert told["difference_eV"] == pytest.approx(expected, abs=1e-4)
    ends = [k for k in names[kept] if k != "Mix"]
    assert told["crossings"] == sum(a != b for a, b in itertools.pairwise(ends)) > 1
    assert told["round_trips"] == told["crossings"] // 2
    half = free_energies(*of, discard=0.2, until=0.6, n_blocks=2, minima=table)
    first = slice(len(weights) // 5, len(weights) * 3 // 5)
    part = {str(k): weights[first][names[first] == k].sum() for k in set(names[first])}
    shares = {k: one / weights[first].sum() for k, one in part.items()}
    assert {row[0]: row[1] for row in half.states} == pytest.approx(shares)
    with pytest.raises(NanochartError, match=r"until: 0\.2 must be"):
        free_energies(*of, discard=0.2, until=0.2, minima=table)
    with pytest.raises(NanochartError, match="there is no class 'Ih' in these runs"):
        free_energies(*of, n_blocks=2, minima=table, between=("Ih", "Dh"))
    table.write_text(table.read_text().replace("a.dcd", "b.dcd"))
    with pytest.raises(NanochartError, match=r"knows no classes of a\.dcd"):
        free_energies(*of, n_blocks=2, minima=table)


def test_a_file_says_the_same_as_options_and_unknown_keys_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "b.toml"
    file.write_text(
        "every = 5\n[line]\nstart = 0\nend = 1\n"
        '[metad]\nvariables = ["s"]\nsigma = [0.1]\nbias_factor = 9.0\n'
        '[[wall]]\nvariable = "z"\nupper = 0.5\n'
    )
    options = {"every": 5, "line": "0,1", "metad": "s", "sigma": "0.1", "bias_factor": 9.0}
    assert bias_of_options(file) == bias_of_options(None, **options, walls=["z<0.5"])
    with pytest.raises(NanochartError, match="every is there and among the options"):
        bias_of_options(file, every=2)
    file.write_text("evry = 5\n")
    with pytest.raises(NanochartError, match=r"unknown key 'evry'; see docs/bias\.md"):
        bias_of_options(file)
    file.write_text("[[steer]]\nto = 3\nvia = [1, { cv1 = 2.0, cv2 = 0.5, cv3 = 0.0 }]\n")
    way = {"steer_to": "3", "via": ["1", "cv1=2,cv2=0.5,cv3=0"]}
    assert bias_of_options(file).steer[0].via == bias_of_options(None, **way).steer[0].via
    wrongs = ({"walls": ["rg=3"]}, {"restrain": "cv1"}, {"line": "1"}, {"sigma": "0.1"})
    for wrong in (*wrongs, {"restrain": "1", "via": ["2"]}):
        with pytest.raises(NanochartError, match="--"):
            bias_of_options(None, **wrong)


def test_a_cluster_is_biased_in_a_potential_of_ones_own(chart_file: Path, tmp_path: Path) -> None:
    own = tmp_path / "lj.toml"
    own.write_text(
        '[system]\nspecies = "Au"\nn_atoms = 13\n'
        '[potential]\nkind = "lennard-jones"\nepsilon = 0.4\nsigma = 2.6\nwall = 6.0\n'
        "[sampling]\ntemperatures = [400]\ncycles = 10\n"
    )
    options = BiasOptions(equilibrate=1.0, outside=True)
    held = {"bias": {"restrain": "rg=2.9"}, "options": options, "potential": str(own)}
    run(tmp_path, chart_file, n_frames=40, **held)
    record = json.loads((tmp_path / "a.dcd.json").read_text())
    assert "wall of 6 Å" in record["settings"]["potential"]
    # 13 Lennard-Jones atoms at the bottom have -44.327 ε (Cambridge Cluster Database): here they
    # are warm and stretched. Gold would have 2.5 times as much.
    energies = [
        float(line.split(",")[2]) for line in (tmp_path / "a.dcd.csv").open().readlines()[1:]
    ]
    assert -44.4 < np.mean(energies) / 0.4 < -38.0
    columns, _ = read_table(tmp_path / "a.dcd.COLVAR")
    assert np.abs(columns["rg"][-5:].mean() - 2.9) < 0.1
    own.write_text(own.read_text().replace("wall = 6.0", "wall = 7.0"))
    with pytest.raises(NanochartError, match="potential"):
        run(tmp_path, chart_file, n_frames=60, **held)
