"""What a biased run went through: its frames quenched, named, and put on the chart of minima.

    python benchmarks/bias_path.py RUN.dcd [RUN.dcd ...] [--chart au147] [--every 20]
        [--potential SET_OR_RUN] [--tolerance 1e-3] [--results FILE]

Every n-th frame of runs of ``nanochart bias`` is quenched, classified and told in words; beside it
the family that the biased chart saw (COLVAR), and the mean temperature since the frame before.
Every run that is given is added, under its name, to benchmarks/results/bias_runs.json or FILE, with
the settings and the last work of its record. A run in a potential of one's own needs the run file
or folder that it comes from, and a tolerance.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

from nanochart.bias.tables import read_table
from nanochart.chart.chart import load_chart
from nanochart.dcd import open_dcd
from nanochart.sampling.lammps import engine_for
from nanochart.structure.classes import CLASS_NAMES
from nanochart.structure.description import describe_positions
from nanochart.workflow.start import potential_named

RESULTS = Path(__file__).parent / "results" / "bias_runs.json"


def path_of(
    run: Path, chart_name: str, every: int, potential_name: str | None, tolerance: float
) -> dict[str, object]:
    """Return what a run went through."""
    chart = load_chart(chart_name)
    record = json.loads(run.with_name(run.name + ".json").read_text())
    settings = record["settings"]
    potential = potential_named(potential_name or settings["potential"], settings["species"])
    if potential.name != record["settings"]["potential"]:
        raise SystemExit(f"{run}: was run with {record['settings']['potential']}")
    engine = engine_for(potential, chart.n_atoms)
    frames = np.concatenate(list(open_dcd(run).frames())).astype(float)
    interval = record["settings"]["steps_per_frame"] * record["settings"]["timestep"] * 1e-3  # ps
    chosen = np.arange(every - 1, len(frames), every)
    minima = [engine.quench(frames[i], force_tolerance=tolerance) for i in chosen]
    positions = np.stack([one.positions for one in minima])
    told = describe_positions(positions, potential.r0 * (1 + 2**0.5) / 2)
    points = chart.evaluate(positions)
    columns, _ = read_table(run.with_name(run.name + ".COLVAR"))
    times = (chosen + 1) * interval
    table = np.loadtxt(run.with_name(run.name + ".csv"), delimiter=",", skiprows=1, ndmin=2)
    heat = table[: every * len(chosen), 3].reshape(len(chosen), every).mean(axis=1)
    rows = np.searchsorted(columns["time"], times - 1e-6)
    names = [name for name in columns if name != "time"]
    return {
        "settings": record["settings"],
        "begin": record["more"]["begin"],
        "frames": len(frames),
        "computed_by": record["computed_by"],
        "work, eV": record["more"]["works"],
        "families seen by the biased chart, share of rows": {
            str(k): round(n / len(columns["family"]), 4)
            for k, n in Counter(columns["family"].astype(int).tolist()).most_common()
        },
        "path": [
            {
                "time, ps": round(float(time), 3),
                "temperature, K": round(float(kelvin), 1),
                **{name: round(float(columns[name][row]), 4) for name in names},
                "quenched": {
                    "energy, eV": round(minimum.energy, 4),
                    "class": CLASS_NAMES[code],
                    "kind": words.macro_family,
                    "words": words.name,
                    "family": int(family),
                    "inside": bool(inside),
                },
            }
            for time, kelvin, row, minimum, code, words, family, inside in zip(
                times,
                heat,
                rows,
                minima,
                told.codes.tolist(),
                told.words,
                points.families.tolist(),
                points.inside.tolist(),
                strict=True,
            )
        ],
    }


def main() -> None:
    """Go through the runs, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--chart", default="au147")
    parser.add_argument("--every", type=int, default=20)
    parser.add_argument("--potential")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    results = json.loads(options.results.read_text()) if options.results.exists() else {}
    for run in options.runs:
        results[run.stem] = found = path_of(
            run, options.chart, options.every, options.potential, options.tolerance
        )
        for one in found["path"]:
            quenched = one["quenched"]
            print(
                f"{one['time, ps']:8.1f} ps  hot family {one['family']:3.0f}  quenched "
                f"{quenched['class']:10} {quenched['energy, eV']:.3f} eV  {quenched['words']}"
            )
    options.results.parent.mkdir(exist_ok=True)
    options.results.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
