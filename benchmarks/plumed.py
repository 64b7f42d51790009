"""CVs and forces of exports in PLUMED itself: python benchmarks/plumed.py CHART NPZ --plumed PLUMED

Exports a chart for METATOMIC and PYTORCH_MODEL, lets `plumed driver` go through structures of an
NPZ file (positions, scale), shaken a little, with the `plumed.dat` that the export wrote (printing
every frame with more digits), and compares CVs, the restraint's energy and the forces with
nanochart's own. PLUMED must have been built with libtorch and libmetatomic.
Writes benchmarks/results/plumed.json.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from machine import cpu_model
from numpy.typing import NDArray

import nanochart as nc
from nanochart.bias.exports.folder import export_chart

RESULTS = Path(__file__).parent / "results" / "plumed.json"
FRAMES, SHAKEN = 8, 0.05
TARGETS = ("metatomic", "torchscript")


def write_xyz(path: Path, positions: NDArray[np.float64], species: str) -> None:
    """Write frames as PLUMED's driver reads them, in a wide cell."""
    with path.open("w") as file:
        for frame in positions:
            file.write(f"{len(frame)}\n100 100 100\n")
            file.writelines(f"{species} {x:.6f} {y:.6f} {z:.6f}\n" for x, y, z in frame)


def by_plumed(plumed: str, folder: Path, xyz: Path, n_atoms: int) -> tuple[Any, Any]:
    """Return rows of COLVAR, and forces (n_frames, n_atoms, 3) per Å."""
    text = (folder / "plumed.dat").read_text(encoding="utf-8")
    every = text.replace("STRIDE=100", "STRIDE=1 FMT=%20.12f")
    (folder / "every.dat").write_text(every, encoding="utf-8")
    command = [plumed, "driver", "--plumed", "every.dat", "--ixyz", str(xyz.resolve())]
    command += ["--length-units", "A", "--dump-forces", "forces", "--dump-forces-fmt", "%20.12f"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"plumed driver failed in {folder}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    lines = (folder / "forces").read_text().splitlines()
    blocks = [lines[start + 2 : start + 2 + n_atoms] for start in range(0, len(lines), n_atoms + 2)]
    forces = [[[float(word) for word in row.split()[1:]] for row in block] for block in blocks]
    return np.loadtxt(folder / "COLVAR"), np.array(forces)


def centre_of(folder: Path) -> NDArray[np.float64]:
    """Return where the restraint of an input holds the CVs."""
    text = (folder / "plumed.dat").read_text(encoding="utf-8")
    found = re.search(r"^  AT=(.*)$", text, flags=re.MULTILINE)
    assert found is not None
    return np.array([float(word) for word in found[1].split(",")])


def main() -> None:
    """Export, run, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chart")
    parser.add_argument("structures", type=Path)
    parser.add_argument("--plumed", default="plumed")
    asked = parser.parse_args()
    chart, data = nc.load_chart(asked.chart), np.load(asked.structures)
    some = np.linspace(0, len(data["positions"]) - 1, FRAMES).astype(int)
    positions = data["positions"][some].astype(np.float64) * float(data["scale"])
    positions += np.random.default_rng(0).normal(scale=SHAKEN, size=positions.shape)
    positions = np.round(positions, 6)
    cvs, jacobian = chart.jacobian(positions, precision="float64")
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        xyz = Path(name) / "frames.xyz"
        write_xyz(xyz, positions, chart.species)
        for target in TARGETS:
            folder = Path(name) / target
            export_chart(chart, target, folder)
            away = cvs - centre_of(folder)
            forces = -np.einsum("fk,fkai->fai", away, jacobian)
            rows, theirs = by_plumed(asked.plumed, folder, xyz, positions.shape[1])
            found = rows[:, 1 : 1 + cvs.shape[1]]
            energies = 0.5 * (away**2).sum(axis=1)
            results[target] = {
                "largest difference of CVs": float(np.abs(found - cvs).max()),
                "largest CV": float(np.abs(cvs).max()),
                "largest difference of forces, per Å": float(np.abs(theirs - forces).max()),
                "largest force, per Å": float(np.abs(forces).max()),
                "largest relative difference of energies": float(
                    np.abs(rows[:, 1 + cvs.shape[1]] / energies - 1).max()
                ),
            }
            print(target, results[target])
    told = subprocess.run([asked.plumed, "info", "--long-version"], capture_output=True, text=True)
    record = {
        "command": f"python benchmarks/plumed.py {asked.chart} {asked.structures.name}",
        "cpu": cpu_model(),
        "plumed": told.stdout.strip(),
        "frames": FRAMES,
        "results": results,
    }
    RESULTS.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
