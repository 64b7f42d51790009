"""Decahedra against twins: metadynamics beside parallel tempering, at one temperature.

    python benchmarks/dh_twin.py --table TABLE --runs RUN.0.dcd RUN.1.dcd --data DATA.npz [DATA.npz]

The runs are walkers of one metadynamics (``nanochart bias``), the table is that of ``nanochart
project au147 RUN.0.dcd RUN.1.dcd --quench``. Data are quenched snapshots of parallel tempering, of
which those at the runs' temperature are classified. Both give F(Twin) - F(Dh) = -kT ln(share of
Twin / share of Dh). Written to benchmarks/results/dh_twin.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from machine import cpu_model

from nanochart.bias.free_energy import block_numbers, crossings, difference, estimate
from nanochart.dcd import open_dcd
from nanochart.dynamics.residence import CoreSettings, residence
from nanochart.structure.classes import CLASS_NAMES
from nanochart.structure.description import classify
from nanochart.units import BOLTZMANN
from nanochart.workflow.course import Course, read_courses
from nanochart.workflow.free_energy import free_energies
from nanochart.workflow.provenance import versions

RESULTS = Path(__file__).parent / "results" / "dh_twin.json"
FIRST, SECOND = (CLASS_NAMES.index(name) for name in ("Dh", "Twin"))
#: ps that a state must hold most of to count as a stay.
DWELL = 100.0
#: Of the runs: all but the transient, and its two halves, which tell whether it has settled.
PARTS = ((0.2, 1.0), (0.2, 0.6), (0.6, 1.0))
#: Blocks of time that errors come from, of each walker and of each data set.
N_BLOCKS = 5


def biased(runs: list[Path], table: Path) -> list[dict[str, Any]]:
    """Return the differences by both weights, of the runs and of their halves."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for by in ("time", "final"):
            for discard, until in PARTS:
                told = free_energies(
                    runs,
                    Path(folder) / "states.csv",
                    discard=discard,
                    until=until,
                    by=by,
                    n_blocks=N_BLOCKS,
                    minima=table,
                    between=("Dh", "Twin"),
                )
                found.append(
                    {
                        "from": discard,
                        "to": until,
                        **told.summary,
                        "states": [
                            {"name": name, "share": share, "share error": error}
                            for name, share, error, _, _ in told.states
                        ],
                    }
                )
                del found[-1]["output"]
    return found


def tempered(path: Path, kelvin: float) -> dict[str, Any]:
    """Return the difference in a data set, its first third left out."""
    data = np.load(path)
    here = np.abs(data["temperature"] - kelvin) < 1.0
    here &= data["snapshot"] > data["snapshot"].max() / 3
    rows = np.flatnonzero(here)[np.argsort(data["snapshot"][here], kind="stable")]
    codes = classify(data["positions"][rows] * float(data["scale"]), species="Au").codes
    blocks = block_numbers([len(codes)], N_BLOCKS)
    kt = BOLTZMANN * kelvin
    told = estimate(codes, len(CLASS_NAMES), np.ones(len(codes)) / len(codes), blocks, kt)
    free, error = difference(FIRST, SECOND, told, kt)
    return {
        "data": path.name,
        "snapshots": len(codes),
        "counts": {name: int((codes == code).sum()) for code, name in enumerate(CLASS_NAMES)},
        "difference_eV": free if np.isfinite(free) else None,
        "difference_error_eV": error if np.isfinite(error) else None,
    }


def lasting(course: Course) -> int:
    """Return how often a walker goes from one state to the other, of stays that last."""
    stays = residence(course.classes, course.times, CoreSettings(dwell=DWELL)).stays
    return crossings(np.array([stay.state for stay in stays]), FIRST, SECOND)


def main() -> None:
    """Compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--data", type=Path, nargs="+", default=[])
    options = parser.parse_args()
    record = json.loads(options.runs[0].with_name(options.runs[0].name + ".json").read_text())
    kelvin = record["settings"]["temperature"]
    walkers = [
        {
            "walker": course.name.rsplit("/", 1)[-1],
            "ns": round(float(course.times[-1]) * 1e-3, 2),
            "minima": len(course.times),
            "crossings": crossings(course.classes, FIRST, SECOND),
            "lasting crossings": lasting(course),
            "shares of the biased run": {
                name: round(float((course.classes == code).mean()), 4)
                for code, name in enumerate(CLASS_NAMES)
            },
        }
        for course in read_courses(options.table)
        if course.classes is not None
    ]
    told = {
        "temperature_K": kelvin,
        "frames": [open_dcd(run).n_frames for run in options.runs],
        "seed": record["settings"]["seed"],
        "dwell_ps": DWELL,
        "walkers": walkers,
        "metadynamics": biased(options.runs, options.table),
        "tempering": [tempered(path, kelvin) for path in options.data],
        "cpu": cpu_model(),
        "versions": versions(),
    }
    print(json.dumps(told, indent=1))
    RESULTS.write_text(json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
