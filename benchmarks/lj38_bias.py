"""LJ38 by metadynamics on its own thermal chart: crossings between the funnels, and their ΔF.

    python benchmarks/lj38_bias.py RUN_FOLDER RUN.0.dcd RUN.1.dcd [--every 20]

The runs are walkers of one metadynamics (``nanochart bias``, benchmarks/lj38-metad.toml), the
folder gives the potential. Every n-th frame is quenched, and belongs to a funnel by its words, as
in benchmarks/lj38.py; it counts exp[(V - c(t))/kT] times. Written to
benchmarks/results/lj38_bias.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from lj38 import FUNNELS, NAMES, funnels_of
from numpy.typing import NDArray

from nanochart.bias.free_energy import (
    block_numbers,
    crossings,
    difference,
    effective_number,
    estimate,
    weights_of,
)
from nanochart.bias.tables import read_table
from nanochart.dcd import open_dcd
from nanochart.sampling.potentials import reduced_temperature
from nanochart.sampling.quench import QuenchSettings, quench
from nanochart.structure.cutoffs import neighbour_cutoff
from nanochart.structure.description import describe_positions
from nanochart.units import BOLTZMANN
from nanochart.workflow.config import parse_run_file, read_run_file
from nanochart.workflow.provenance import cpu_name, versions

RESULTS = Path(__file__).parent / "results" / "lj38_bias.json"
#: Blocks of time of each walker that errors come from.
N_BLOCKS = 5
FCC, ICOSAHEDRAL = (NAMES.index(name) for name in FUNNELS)


def walker(path: Path, folder: Path, every: int) -> dict[str, Any]:
    """Return the funnels of a walker's frames, and the logarithms of their weights."""
    record = json.loads(path.with_name(path.name + ".json").read_text())
    settings = record["settings"]
    file = parse_run_file(read_run_file(folder / "run.toml"), where=str(folder))
    potential = file.make_potential()
    if potential.name != settings["potential"]:
        raise SystemExit(f"{path}: was run with {settings['potential']}, not {potential.name}")
    interval = settings["steps_per_frame"] * settings["timestep"] * 1e-3  # ps
    frames = np.concatenate(list(open_dcd(path).frames()))[every - 1 :: every].astype(float)
    times = (np.arange(len(frames)) + 1) * every * interval
    minima = quench(frames, potential=potential, settings=QuenchSettings(force_tolerance=1e-5))
    told = describe_positions(minima.positions, neighbour_cutoff(potential.r0))
    columns, _ = read_table(path.with_name(path.name + ".COLVAR"))
    rows = np.searchsorted(columns["time"], times - 1e-6)
    short = rows.max(initial=0) >= len(columns["time"])
    if short or np.abs(columns["time"][rows] - times).max(initial=0.0) > 1e-3:
        raise SystemExit(f"{path}: COLVAR has not all of its frames")
    kt = BOLTZMANN * settings["temperature"]
    bias = columns["walls.bias"] + columns["metad.bias"] - columns["metad.rct"]
    return {
        "settings": settings,
        "epsilon": float(file.potential.epsilon or 0.0),
        "funnel": funnels_of(told.macro_families),
        "exponents": bias[rows] / kt,
        "energies": minima.energies / float(file.potential.epsilon or 1.0),
        "unconverged": int((~minima.converged).sum()),
        "ns": float(times[-1]) * 1e-3,
    }


def joined(walkers: list[dict[str, Any]], discard: float) -> dict[str, Any]:
    """Return shares and the difference of the funnels, the beginning of each walker left out."""
    kept = [int(discard * len(one["funnel"])) for one in walkers]
    funnel: NDArray[np.int64] = np.concatenate(
        [one["funnel"][first:] for one, first in zip(walkers, kept, strict=True)]
    )
    weights = weights_of(
        np.concatenate([one["exponents"][first:] for one, first in zip(walkers, kept, strict=True)])
    )
    lengths = [len(one["funnel"]) - first for one, first in zip(walkers, kept, strict=True)]
    kt = BOLTZMANN * walkers[0]["settings"]["temperature"]
    told = estimate(funnel, len(NAMES), weights, block_numbers(lengths, N_BLOCKS), kt)
    free, error = difference(FCC, ICOSAHEDRAL, told, kt)
    epsilon = walkers[0]["epsilon"]
    return {
        "discarded": discard,
        "samples": len(funnel),
        "effective samples": round(effective_number(weights), 1),
        "shares": {name: float(told.share[i]) for i, name in enumerate(NAMES)},
        "errors": {name: float(told.share_error[i]) for i, name in enumerate(NAMES)},
        "F(icosahedral) - F(fcc), epsilon": free / epsilon,
        "error, epsilon": error / epsilon if np.isfinite(error) else None,
    }


def main() -> None:
    """Read, quench, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--every", type=int, default=20)
    options = parser.parse_args()
    walkers = [walker(path, options.folder, options.every) for path in options.runs]
    settings = walkers[0]["settings"]
    told = {
        "T*": round(reduced_temperature(settings["temperature"], walkers[0]["epsilon"]), 4),
        "seed": settings["seed"],
        "frame every, ps": settings["steps_per_frame"] * settings["timestep"] * 1e-3,
        "quenched": f"each {options.every}th frame",
        "walkers": [
            {
                "start": one["settings"]["start"],
                "ns": round(one["ns"], 2),
                "minima": len(one["funnel"]),
                "unconverged": one["unconverged"],
                "crossings": crossings(one["funnel"], FCC, ICOSAHEDRAL),
                "lowest, epsilon": round(float(np.nanmin(one["energies"])), 4),
                "biased shares": {
                    name: round(float((one["funnel"] == i).mean()), 4)
                    for i, name in enumerate(NAMES)
                },
                "funnels": "".join("FI."[i] for i in one["funnel"]),
            }
            for one in walkers
        ],
        "joined": [joined(walkers, discard) for discard in (0.2, 0.5)],
        "cpu": cpu_name(),
        "versions": versions(),
    }
    print(json.dumps(told, indent=1))
    RESULTS.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
