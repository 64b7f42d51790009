"""Quenches beside LAMMPS: how long they take, and where they end, on the same hot snapshots.

L-BFGS, LAMMPS' conjugate gradient and fire, and ASE's preconditioned L-BFGS take blocks of
snapshots in turn, in this process, on one core: a busy machine disturbs all alike. Each file is an
.npz with hot_positions (n, n_atoms, 3) and scale (Å). Rows divisible by 103, and 1 modulo 15 or 31,
were looked at while the minimiser was written, and are left out.
Usage: python benchmarks/quench.py Au=au147-hot.npz Cu=cu147.npz [--snapshots 1000]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.optimize.precon import Exp, PreconLBFGS
from machine import cpu_model
from numpy.typing import NDArray

from nanochart.sampling.lammps import engine_for
from nanochart.sampling.quench import QuenchSettings, quench
from nanochart.sampling.rgl import Rgl, rgl
from nanochart.sampling.rgl_forces import rgl_forces
from nanochart.workflow.provenance import versions

Array = NDArray[np.float64]
#: Positions in; energies (eV) out, and how many structures met the tolerance.
Minimise = Callable[[Array], tuple[Array, int]]

RESULT = Path(__file__).parent / "results" / "quench.json"
BLOCK = 50
#: How many snapshots the slow peers get.
N_FIRE, N_ASE = 100, 10
#: Energies (eV) that bound the classes of difference: rounding of the tolerance, the duplicates'
#: 0.1 meV, another minimum.
EDGES = (1e-4, 1e-2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", help="SPECIES=FILE.npz")
    parser.add_argument("--snapshots", type=int, default=1000)
    asked = parser.parse_args()
    systems = [measured(*one.split("=", 1), asked.snapshots) for one in asked.files]
    names = " ".join(f"{one.split('=')[0]}={Path(one.split('=')[1]).name}" for one in asked.files)
    told = {
        "command": f"python benchmarks/quench.py {names} --snapshots {asked.snapshots}",
        "cpu": cpu_model(),
        "threads": 1,
        "note": "processor time, one thread; nothing else on the two cores",
        "versions": versions(),
        "systems": systems,
    }
    RESULT.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def measured(species: str, file: str, n_snapshots: int) -> dict[str, Any]:
    """Return times and energies of one system."""
    potential, starts, rows = rgl(species), *hot_snapshots(Path(file), n_snapshots)
    methods = {
        "L-BFGS 1e-3": (own(potential, 1e-3), len(starts)),
        "LAMMPS cg 1e-3": (lammps(potential, 1e-3, "cg"), len(starts)),
        "L-BFGS 1e-5": (own(potential, 1e-5), len(starts)),
        "LAMMPS cg 1e-5": (lammps(potential, 1e-5, "cg"), len(starts)),
        "L-BFGS 1e-3, kick 0.1": (own(potential, 1e-3, kick=0.1), len(starts)),
        "L-BFGS 1e-5, kick 0.1": (own(potential, 1e-5, kick=0.1), len(starts)),
        "LAMMPS fire 1e-3": (lammps(potential, 1e-3, "fire"), N_FIRE),
        "ASE PreconLBFGS 1e-3": (ase_lbfgs(potential, 1e-3), N_ASE),
    }
    cpu: dict[str, list[float]] = {name: [] for name in methods}
    wall: dict[str, list[float]] = {name: [] for name in methods}
    energies: dict[str, list[Array]] = {name: [] for name in methods}
    reached = dict.fromkeys(methods, 0)
    for minimise, _ in methods.values():
        minimise(starts[:1])  # compiled, loaded
    for first in range(0, len(starts), BLOCK):
        for name, (minimise, most) in methods.items():
            block = starts[first : min(first + BLOCK, most)]
            if not len(block):
                continue
            begun = time.process_time(), time.perf_counter()
            found, n_reached = minimise(block)
            cpu[name].append((time.process_time() - begun[0]) / len(block))
            wall[name].append((time.perf_counter() - begun[1]) / len(block))
            energies[name].append(found)
            reached[name] += n_reached
        print(
            species, first + BLOCK, {n: round(1e3 * t[-1], 2) for n, t in cpu.items()}, flush=True
        )
    ends = {name: np.concatenate(parts) for name, parts in energies.items()}
    return {
        "species": species,
        "file": Path(file).name,
        "first_rows": rows[:5].tolist(),
        "n_atoms": starts.shape[1],
        "n_snapshots": len(starts),
        "methods": {
            name: {
                "n": len(ends[name]),
                "reached_the_tolerance": reached[name],
                "cpu_ms_median_of_blocks": round(1e3 * float(np.median(cpu[name])), 3),
                "wall_ms_median_of_blocks": round(1e3 * float(np.median(wall[name])), 3),
                "cpu_ms_fastest_block": round(1e3 * min(cpu[name]), 3),
                "cpu_ms_blocks": [round(1e3 * t, 3) for t in cpu[name]],
            }
            for name in methods
        },
        "energies": [
            compared(ends, "L-BFGS 1e-3", "LAMMPS cg 1e-3"),
            compared(ends, "L-BFGS 1e-5", "LAMMPS cg 1e-5"),
            compared(ends, "L-BFGS 1e-5", "LAMMPS cg 1e-3"),
            compared(ends, "L-BFGS 1e-5", "L-BFGS 1e-3"),
            compared(ends, "LAMMPS cg 1e-5", "LAMMPS cg 1e-3"),
            compared(ends, "L-BFGS 1e-3, kick 0.1", "L-BFGS 1e-3"),
            compared(ends, "L-BFGS 1e-5, kick 0.1", "L-BFGS 1e-5"),
        ],
    }


def hot_snapshots(file: Path, n_snapshots: int) -> tuple[Array, NDArray[np.int64]]:
    """Return evenly spread snapshots (n, n_atoms, 3) Å and their rows."""
    with np.load(file) as data:
        n_rows = len(data["hot_positions"])
        rows = np.arange(n_rows)
        rows = rows[(rows % 103 != 0) & (rows % 15 != 1) & (rows % 31 != 1)]
        rows = rows[np.linspace(0, len(rows) - 1, min(n_snapshots, len(rows))).astype(int)]
        return data["hot_positions"][rows].astype(float) * float(data["scale"]), rows


def own(potential: Rgl, tolerance: float, *, kick: float = 0.0) -> Minimise:
    settings = QuenchSettings(force_tolerance=tolerance, kick=kick)

    def minimise(starts: Array) -> tuple[Array, int]:
        found = quench(starts, potential=potential, settings=settings)
        return found.energies, int(found.converged.sum())

    return minimise


def lammps(potential: Rgl, tolerance: float, style: str) -> Minimise:
    def minimise(starts: Array) -> tuple[Array, int]:
        engine = engine_for(potential, starts.shape[1])
        with styled(engine, style):
            found = [engine.quench(one, force_tolerance=tolerance) for one in starts]
        return np.array([one.energy for one in found]), sum(one.converged for one in found)

    return minimise


@contextmanager
def styled(engine: Any, style: str) -> Iterator[None]:
    """Have an engine minimise in another way for a while."""
    engine._commands(f"min_style {style}", "min_modify norm inf")
    yield
    engine._commands("min_style cg", "min_modify norm inf")


class _Calculator(Calculator):
    """The compiled forces as ASE wants them."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, potential: Rgl) -> None:
        super().__init__()
        self.potential = potential

    def calculate(
        self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        energies, forces = rgl_forces(self.atoms.positions[np.newaxis], self.potential)
        self.results = {"energy": float(energies[0]), "forces": forces[0]}


def ase_lbfgs(potential: Rgl, tolerance: float) -> Minimise:
    def minimise(starts: Array) -> tuple[Array, int]:
        energies, reached = [], 0
        for one in starts:
            atoms = Atoms(f"{potential.species}{len(one)}", one, calculator=_Calculator(potential))
            atoms.center(vacuum=10.0)
            way = PreconLBFGS(atoms, precon=Exp(A=3), use_armijo=True, logfile=None)
            # ASE bounds the length of an atom's force, not its components: stricter, slightly.
            reached += bool(way.run(fmax=tolerance, steps=2000))
            energies.append(atoms.get_potential_energy())
        return np.array(energies), reached

    return minimise


def compared(ends: dict[str, Array], one: str, other: str) -> dict[str, Any]:
    """Return how the energies of one lie to those of another, in eV."""
    difference = ends[one] - ends[other]
    difference = difference[np.isfinite(difference)]
    near, far = EDGES
    return {
        "one": one,
        "other": other,
        "n": len(difference),
        "mean": round(float(difference.mean()), 7),
        "standard_error": round(float(difference.std(ddof=1) / np.sqrt(len(difference))), 7),
        "median": round(float(np.median(difference)), 9),
        "lower_by_more_than_10_meV": int((difference < -far).sum()),
        "lower_by_0.1_to_10_meV": int(((difference < -near) & (difference >= -far)).sum()),
        "equal_within_0.1_meV": int((np.abs(difference) <= near).sum()),
        "higher_by_0.1_to_10_meV": int(((difference > near) & (difference <= far)).sum()),
        "higher_by_more_than_10_meV": int((difference > far).sum()),
        "differences": [round(float(d), 6) for d in difference],
    }


if __name__ == "__main__":
    main()
