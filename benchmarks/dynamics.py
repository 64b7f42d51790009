"""What happened in long unbiased runs of Au147: every attempt, with its outcome.

    python benchmarks/dynamics.py au147-396-s1.dcd au147-396-s2.dcd ... [--chart au147] [--every 10]
        [--tables FOLDER] [--results FILE]

The trajectories are those of `nanochart md`; they may still be growing, and only frames that their
records count are taken. Every tenth frame is quenched and put on the chart; the tables are kept
and gone on with, so that the script can be run again when the runs are longer. Transitions as of
`nanochart transitions`. Writes benchmarks/results/dynamics.json, from which
docs/make_dynamics_page.py makes docs/dynamics.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from machine import cpu_model

from nanochart.chart.chart import load_chart
from nanochart.dynamics.residence import CoreSettings
from nanochart.sampling.lammps import engine_for
from nanochart.sampling.rgl import rgl
from nanochart.sampling.seeds import seed_clusters
from nanochart.structure.classes import CLASS_NAMES
from nanochart.workflow.course import Course, read_courses
from nanochart.workflow.live import Live
from nanochart.workflow.provenance import versions
from nanochart.workflow.trajectory import Record, beside
from nanochart.workflow.transition_tables import summary
from nanochart.workflow.transitions import analysed

RESULTS = Path(__file__).parent / "results" / "dynamics.json"
#: Settings of `nanochart transitions`, ps: a state must hold the majority of 1 ns.
DWELL, COMMIT = 1000.0, 10_000.0


def placed(path: Path, chart_path: str, every: int, tables: Path) -> tuple[Path, dict[str, Any]]:
    """Put the frames of a trajectory that count on the chart; return the table and the record."""
    record = json.loads(beside(path, ".json").read_text())
    settings, frames = record["settings"], record["frames"]
    potential = rgl(settings["potential"])
    live = Live.of(Path(chart_path), potential, settings["n_atoms"], every)
    copy = tables / path.name  # the table lies beside this name; the trajectory is only read
    if not copy.exists():
        copy.symlink_to(path.resolve())
    known = beside(copy, ".cvs.csv")
    note = beside(copy, ".json")
    placed_as = json.loads(note.read_text())["more"]["placed"] if known.exists() else live.identity
    interval = settings["steps_per_frame"] * settings["timestep"] * 1e-3
    begun = Record(settings, frames, _no_state(settings["n_atoms"]), more={"placed": placed_as})
    live.open(copy, begun, interval)
    started = time.perf_counter()
    live.catch_up(frames)
    live.close()
    print(
        f"{path.name}: {frames:,} frames, {live.placer.frames:,} newly placed in "
        f"{time.perf_counter() - started:.0f} s",
        file=sys.stderr,
    )
    return known, record


def _no_state(n_atoms: int) -> Any:
    from nanochart.dynamics.md import MdState

    return MdState(np.zeros((n_atoms, 3)), np.zeros((n_atoms, 3)), 0)


def perfect(chart: Any, potential: str) -> dict[str, Any]:
    """Return where the structure that the runs begin with is on the chart."""
    engine = engine_for(rgl(potential), chart.n_atoms)
    found = seed_clusters(engine, motifs=("Ih",))[0]
    point = chart.evaluate(found.positions)
    return {
        "energy_eV": round(float(found.energy), 4),
        "inside": bool(point.inside[0]),
        "error": float(point.errors[0]),
        "largest_error": chart.domain.largest_error,
        "cvs": [round(float(value), 3) for value in point.cvs[0]],
    }


def attempt(course: Course, record: dict[str, Any], chart: Any) -> dict[str, Any]:
    """Return what became of one run."""
    settings = record["settings"]
    cores = CoreSettings(dwell=DWELL)
    levels = analysed([course], chart, settings=cores, commit=COMMIT, markov=False)
    told = summary([course], levels, cores, COMMIT)
    classes, counts = np.unique(course.classes, return_counts=True)
    energies = course.energies[np.isfinite(course.energies)]
    return {
        "name": course.name,
        "temperature_K": settings["temperature"],
        "seed": settings["seed"],
        "damping_ps": settings["damping"],
        "timestep_fs": settings["timestep"],
        "start": settings["start"],
        "potential": settings["potential"],
        "ns": record["frames"] * settings["steps_per_frame"] * settings["timestep"] * 1e-6,
        "frames_placed": len(course.times),
        "outside": int((course.families < 0).sum()),
        "energy_first_eV": round(float(energies[0]), 4),
        "energy_lowest_eV": round(float(energies.min()), 4),
        "energy_last_tenth_eV": round(
            float(np.median(energies[-max(1, len(energies) // 10) :])), 4
        ),
        "class_shares": {
            CLASS_NAMES[code]: round(count / len(course.times), 5)
            for code, count in zip(classes.tolist(), counts.tolist(), strict=True)
            if code >= 0
        },
        "levels": {
            name: {key: level[key] for key in ("states", "transitions")}
            for name, level in told["levels"].items()
        },
        "computed_by": record["computed_by"][-1],
    }


def markov_models(
    courses: list[Course], attempts: list[dict[str, Any]], chart: Any
) -> list[dict[str, Any]]:
    """Return Markov models of all runs of a temperature together, or why there are none."""
    found = []
    for temperature in sorted({one["temperature_K"] for one in attempts}):
        some = [
            course
            for course, one in zip(courses, attempts, strict=True)
            if one["temperature_K"] == temperature
        ]
        cores = CoreSettings(dwell=DWELL)
        levels = analysed(some, chart, settings=cores, commit=COMMIT)
        told = summary(some, levels, cores, COMMIT)["levels"]
        found += [
            {"temperature_K": temperature, "runs": len(some), "states_are": name}
            | told[name]["markov"]
            for name in told
        ]
    return found


def main() -> None:
    """Place, tell, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trajectories", type=Path, nargs="+")
    parser.add_argument("--chart", default="au147")
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--tables", type=Path, default=Path("dynamics-tables"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    given.tables.mkdir(parents=True, exist_ok=True)
    tables = given.tables.resolve()  # rows name the trajectory that lies beside them
    chart = load_chart(given.chart)
    attempts, courses = [], []
    for path in given.trajectories:
        table, record = placed(path, given.chart, given.every, tables)
        (course,) = read_courses(table)
        courses.append(replace(course, name=path.stem))
        attempts.append(attempt(courses[-1], record, chart))
    content = {
        "command": "python benchmarks/dynamics.py "
        + " ".join(path.name for path in given.trajectories)
        + f" --chart {given.chart} --every {given.every}",
        "chart": given.chart,
        "every": given.every,
        "dwell_ps": DWELL,
        "commit_ps": COMMIT,
        "cpu": cpu_model(),
        "versions": versions(),
        "start": perfect(chart, attempts[0]["potential"]),
        "attempts": attempts,
        "markov": markov_models(courses, attempts, chart),
    }
    given.results.write_text(json.dumps(content, indent=1) + "\n")
    for one in attempts:
        last = one["levels"]["macro-family"]
        print(one["name"], f"{one['ns']:.1f} ns", one["class_shares"], last["transitions"])


if __name__ == "__main__":
    main()
