"""Exploration: restarts from sparse regions of the chart and metadynamics beside PTMD.

    python benchmarks/exploration.py [--seeds 1 2 3] [--ways ptmd sparse random metadynamics]

Au147 from one quenched icosahedron; the same number of quenches each way, one process, one thread:

- ``ptmd``: the paper's ladder of 24, swaps every 12.5 ps, a snapshot of each replica halfway;
- ``sparse``: 24 runs of 125 ps at 476 K, a frame every 12.5 ps; then 24 others, begun at the minima
  with the fewest others within a bandwidth on the chart, no two of them within a bandwidth;
- ``random``: the same, but begun at minima drawn from all that were met: what the chart is worth;
- ``metadynamics``: one biased run at 476 K by benchmarks/dh-twin.toml. Its steps cost nearly twice
  as much, so there are 12.96 ns of them, not 24.

Each run is added to benchmarks/results/exploration.json when it is done, and not made again if it
is there; ``docs/make_exploration_page.py`` tells what was found.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from machine import cpu_model
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from nanochart.chart.chart import Chart, load_chart
from nanochart.dcd import open_dcd
from nanochart.dynamics.md import MdSettings, initial_state, md
from nanochart.dynamics.projection import project_positions
from nanochart.files import write_text
from nanochart.progress import silent
from nanochart.sampling.quench import QuenchSettings, local_minimum, quench_batches
from nanochart.sampling.rgl import rgl
from nanochart.sampling.seeds import carved_clusters
from nanochart.sampling.tempering import PtmdSettings, initial_replicas, ptmd
from nanochart.structure.classes import CLASS_NAMES
from nanochart.structure.duplicates import unique_indices
from nanochart.workflow.bias import run_bias
from nanochart.workflow.bias_file import PAGE, BiasFile
from nanochart.workflow.config import parse_run_file, parse_settings, read_run_file
from nanochart.workflow.provenance import versions

RESULTS = Path(__file__).parent / "results" / "exploration.json"
_RUN = Path(__file__).with_name("au147-ptmd.toml")
LADDER = parse_run_file(read_run_file(_RUN), where=_RUN.name).sampling.temperatures
WAYS = ("ptmd", "sparse", "random", "metadynamics")
N_WALKERS, N_STEPS, FRAMES_PER_ROUND, KELVIN = len(LADDER), 2500, 10, 476.0
BIASED_STEPS = 1350  # between two frames of the biased run
GOLD = rgl("Au")

Array = NDArray[np.float64]


class Found:
    """The minima met so far, on the chart."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.positions = np.empty((0, chart.n_atoms, 3))
        self.cvs = np.empty((0, chart.model.n_cvs))
        self.energies, self.classes = np.empty(0), np.empty(0, dtype=np.int8)
        self.families, self.inside = np.empty(0, dtype=np.int16), np.empty(0, dtype=np.bool_)
        self.quench_seconds = 0.0

    def add(self, hot: Array) -> None:
        """Quench configurations (n, n_atoms, 3) and keep those that came to a minimum."""
        begun = time.process_time()
        (minima,) = quench_batches([hot], GOLD, QuenchSettings())
        self.quench_seconds += time.process_time() - begun
        told = project_positions(
            self.chart, minima.positions, minima.converged, minima.energies, potential=None
        )
        kept = minima.converged
        self.positions = np.concatenate([self.positions, minima.positions[kept]])
        self.cvs = np.concatenate([self.cvs, told.points.cvs[kept]])
        self.energies = np.concatenate([self.energies, minima.energies[kept]])
        self.classes = np.concatenate([self.classes, told.classes[kept]])
        self.families = np.concatenate([self.families, told.points.families[kept]])
        self.inside = np.concatenate([self.inside, told.points.inside[kept]])

    def sparse(self, n: int) -> Array:
        """Return n minima (n, n_atoms, 3) with few others nearby, far from one another."""
        families = self.chart.families
        assert families is not None
        rows = np.flatnonzero(self.inside) if self.inside.any() else np.arange(len(self.cvs))
        tree = cKDTree(self.cvs[rows])
        near = tree.query_ball_point(self.cvs[rows], families.bandwidth)
        order = np.argsort([len(one) for one in near], kind="stable")
        chosen: list[int] = []
        while len(chosen) < n:  # a chart with fewer than n such places is gone over again
            open_ = np.ones(len(rows), dtype=np.bool_)
            for place in order:
                if open_[place] and len(chosen) < n:
                    chosen.append(int(place))
                    open_[near[place]] = False
        return self.positions[rows[chosen]]

    def told(self) -> dict[str, object]:
        """Return what was found, in numbers."""
        families = self.families[self.families >= 0]
        unique, _ = unique_indices(self.energies, self.classes)
        major = {family.id for family in self.chart.families.major}  # type: ignore[union-attr]
        return {
            "minima": len(self.energies),
            "unique minima": len(unique),
            "families": sorted(set(families.tolist())),
            "major families": len(set(families.tolist()) & major),
            "outside": int((~self.inside).sum()),
            "lowest energy, eV": round(float(self.energies.min()), 4),
            "unique minima of each class": {
                name: int((self.classes[unique] == code).sum())
                for code, name in enumerate(CLASS_NAMES)
            },
        }


def tempered(start: Array, seed: int, n_rounds: int, found: Found) -> Iterator[None]:
    """Run PTMD; a round is as many cycles as a restarted run has frames."""
    settings = PtmdSettings(temperatures=tuple(LADDER), n_steps=N_STEPS, damping=1.0, seed=seed)
    replicas = initial_replicas([start], settings, GOLD)
    for state, snapshots in ptmd(replicas, settings, GOLD, n_cycles=n_rounds * FRAMES_PER_ROUND):
        found.add(snapshots.positions)
        if state.cycle % FRAMES_PER_ROUND == 0:
            yield


def restarted(
    start: Array, seed: int, n_rounds: int, found: Found, *, sparse: bool
) -> Iterator[None]:
    """Run MD of many walkers, round after round, each from a minimum met before."""
    rng = np.random.default_rng(seed)
    starts = np.repeat(start[np.newaxis], N_WALKERS, axis=0)
    for number in range(n_rounds):
        for walker, one in enumerate(starts):
            settings = MdSettings(
                temperature=KELVIN,
                steps_per_frame=N_STEPS,
                damping=1.0,
                seed=(seed * 1000 + number) * 1000 + walker,
                block=FRAMES_PER_ROUND,
            )
            state = initial_state(one, settings, GOLD)
            for _, frames in md(state, settings, GOLD, n_frames=FRAMES_PER_ROUND):
                found.add(frames.positions)
        yield
        drawn = rng.choice(len(found.positions), N_WALKERS, replace=False)
        starts = found.sparse(N_WALKERS) if sparse else found.positions[drawn]


def biased(seed: int, n_rounds: int, found: Found) -> Iterator[None]:
    """Run metadynamics on the thermal chart."""
    settings = MdSettings(
        temperature=KELVIN,
        steps_per_frame=BIASED_STEPS,
        damping=1.0,
        seed=seed,
        block=N_WALKERS,
    )
    file = Path(__file__).with_name("dh-twin.toml")
    bias = parse_settings(BiasFile, read_run_file(file), where=file.name, page=PAGE)
    per_round = N_WALKERS * FRAMES_PER_ROUND
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.dcd"
        for number in range(1, n_rounds + 1):
            run_bias(
                "au147-thermal",
                "ih",
                path,
                settings=settings,
                n_frames=number * per_round,
                bias=bias,
                progress=silent,
            )
            frames = np.concatenate(list(open_dcd(path).frames((number - 1) * per_round)))
            found.add(frames.astype(np.float64))
            yield


def explored(way: str, seed: int, n_rounds: int, chart: Chart) -> dict[str, object]:
    """Explore one way, and return what was found after each round."""
    start = local_minimum(GOLD.r0 * carved_clusters("Ih", chart.n_atoms)[0], GOLD).positions
    found = Found(chart)
    found.add(np.repeat(start[np.newaxis], 2, axis=0))  # all compiled before the clock starts
    found = Found(chart)
    if way == "ptmd":
        rounds = tempered(start, seed, n_rounds, found)
    elif way == "metadynamics":
        rounds = biased(seed, n_rounds, found)
    else:
        rounds = restarted(start, seed, n_rounds, found, sparse=way == "sparse")
    begun, told = time.process_time(), []
    for _ in rounds:
        spent = time.process_time() - begun
        told.append({"cpu, s": round(spent, 1), **found.told()})
        print(f"{way} {seed}: {told[-1]}", flush=True)
    return {
        "way": way,
        "seed": seed,
        "quenches, cpu s": round(found.quench_seconds, 1),
        "rounds": told,
    }


def main() -> None:
    """Explore each way with each seed, and keep the record after each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args()
    chart = load_chart("au147")
    for seed in options.seeds:
        for way in options.ways:
            known = {(run["way"], run["seed"], len(run["rounds"])) for run in written()["runs"]}
            if (way, seed, options.rounds) not in known:
                keep(explored(way, seed, options.rounds, chart), chart)
    keep(None, chart)


def keep(run: dict[str, object] | None, chart: Chart) -> None:
    """Add a run to the record; other processes may have added theirs meanwhile."""
    told = written()
    told["runs"] += [] if run is None else [run]
    per_round = FRAMES_PER_ROUND * N_WALKERS * 5e-6  # ns of a step of each frame
    told |= {
        "command": "python benchmarks/exploration.py",
        "system": f"Au147 from an icosahedron, {N_WALKERS} walkers",
        "ns a round": {
            way: round(per_round * (BIASED_STEPS if way == "metadynamics" else N_STEPS), 3)
            for way in WAYS
        },
        "families of the chart": len(chart.families or ()),
        "major families of the chart": len(chart.families.major) if chart.families else 0,
        "cpu": cpu_model(),
        "threads": 1,
        "versions": versions(),
    }
    write_text(RESULTS, json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def written() -> dict[str, Any]:
    """Return the record as it is now."""
    empty: dict[str, Any] = {"runs": []}
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else empty


if __name__ == "__main__":
    main()
