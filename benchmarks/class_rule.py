"""How the class rule does on real structures: fit its one number on half of Au90, try the rest.

    python benchmarks/class_rule.py FOLDER

FOLDER holds au90.npz, au147.npz, ag147.npz and cu147.npz, each with positions (n, n_atoms, 3) times
scale in Å, temperature (n,) in K and snapshot (n,), an index in time. Prints what it finds and
writes results/class_rule.json beside this script.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from nanochart.sampling.rgl import nearest_neighbour_distance
from nanochart.structure.classes import AMORPHOUS_BELOW, CLASS_NAMES, cluster_class
from nanochart.structure.cna import Environment, environments_and_axes, neighbour_cutoff

#: Melting temperatures, K (Settem, Roncaglia, Ferrando, Giacomello, J. Chem. Phys. 2023).
SYSTEMS = {
    "au90": ("Au", 420.0),
    "au147": ("Au", 505.0),
    "ag147": ("Ag", 651.0),
    "cu147": ("Cu", 779.0),
}
CALIBRATED_ON = "au90"
CALIBRATION = f"{CALIBRATED_ON}, even blocks (calibration)"
HELD_OUT = f"{CALIBRATED_ON}, odd blocks (held out)"
#: Neighbouring snapshots are correlated, so halves are split by blocks of time: 100 snapshots.
BLOCK = 100
AMORPHOUS = CLASS_NAMES.index("Amorphous")
NUMBER_OF_CLASSES = len(CLASS_NAMES)


@dataclass(frozen=True)
class Sample:
    """One data set, analysed at the default cutoff and 3 % below and above it."""

    temperature: np.ndarray  # (n,) K
    half: np.ndarray  # (n,) 0 for even blocks of time, 1 for odd ones
    ordered: np.ndarray  # (n,) fraction of ordered atoms
    codes: np.ndarray  # (n,) class
    codes_shorter: np.ndarray  # (n,) class with the cutoff 3 % shorter
    codes_longer: np.ndarray  # (n,) class with the cutoff 3 % longer
    ms_per_structure: float


def analyse(path: Path, species: str) -> Sample:
    """Return the classes of a file's structures."""
    with np.load(path) as data:
        positions = data["positions"] * float(data["scale"])  # (n, n_atoms, 3) Å
        temperature, snapshot = data["temperature"], data["snapshot"]
    cutoff = neighbour_cutoff(nearest_neighbour_distance(species))
    environments_and_axes(positions[:1], cutoff)  # compiled before the clock starts
    start = time.process_time()
    environments, n_axes = environments_and_axes(positions, cutoff)
    codes = cluster_class(environments, n_axes)
    seconds = time.process_time() - start
    return Sample(
        temperature=temperature,
        half=snapshot // BLOCK % 2,
        ordered=(environments != Environment.OTHER).mean(axis=1),
        codes=codes,
        codes_shorter=cluster_class(*environments_and_axes(positions, 0.97 * cutoff)),
        codes_longer=cluster_class(*environments_and_axes(positions, 1.03 * cutoff)),
        ms_per_structure=1e3 * seconds / len(codes),
    )


def at_melting(sample: Sample, values: np.ndarray, melting: float, reduce: Any) -> float:
    """Reduce the values of each temperature and interpolate to the melting temperature."""
    ladder = np.unique(sample.temperature)
    reduced = [reduce(values[sample.temperature == rung]) for rung in ladder]
    return float(np.interp(melting, ladder, reduced))


def restrict(sample: Sample, half: int) -> Sample:
    """Return the even (0) or the odd (1) blocks of a sample."""
    rows = sample.half == half
    arrays = {
        name: value[rows] for name, value in vars(sample).items() if isinstance(value, np.ndarray)
    }
    return Sample(**arrays, ms_per_structure=sample.ms_per_structure)


def fractions(codes: np.ndarray) -> dict[str, float]:
    """Return the fraction of each class."""
    counts = np.bincount(codes, minlength=NUMBER_OF_CLASSES)
    return dict(zip(CLASS_NAMES, (counts / len(codes)).round(4).tolist(), strict=True))


def report(sample: Sample, melting: float) -> dict[str, Any]:
    """Return what the rule makes of a sample, as plain numbers."""
    counts = np.bincount(sample.codes, minlength=NUMBER_OF_CLASSES)
    amorphous = sample.codes == AMORPHOUS
    return {
        "structures": len(sample.codes),
        "counts": dict(zip(CLASS_NAMES, counts.tolist(), strict=True)),
        "fractions": fractions(sample.codes),
        "by_temperature_K": {
            f"{rung:g}": fractions(sample.codes[sample.temperature == rung])
            for rung in np.unique(sample.temperature)
        },
        "melting_K": melting,
        "amorphous_at_melting": round(at_melting(sample, amorphous, melting, np.mean), 3),
        "median_ordered_at_melting": round(
            at_melting(sample, sample.ordered, melting, np.median), 3
        ),
        "unchanged_cutoff_minus_3_percent": round(
            float(np.mean(sample.codes == sample.codes_shorter)), 4
        ),
        "unchanged_cutoff_plus_3_percent": round(
            float(np.mean(sample.codes == sample.codes_longer)), 4
        ),
        "ms_per_structure": round(sample.ms_per_structure, 3),
    }


def show(name: str, found: dict[str, Any]) -> None:
    """Print one sample."""
    print(f"\n{name}: {found['structures']} structures, {found['ms_per_structure']} ms each")
    print(f"  {'T / K':>7} " + " ".join(f"{label:>9}" for label in CLASS_NAMES))
    print("  " + " " * 8 + " ".join(f"{count:>9}" for count in found["counts"].values()))
    rows = {"all": found["fractions"], **found["by_temperature_K"]}
    for rung, row in rows.items():
        print(f"  {rung:>7} " + " ".join(f"{value:>9.3f}" for value in row.values()))
    print(
        f"  at {found['melting_K']:g} K: {found['amorphous_at_melting']:.1%} amorphous, "
        f"median of ordered atoms {found['median_ordered_at_melting']:.1%}; labels unchanged at "
        f"cutoff -3 %: {found['unchanged_cutoff_minus_3_percent']:.1%}, "
        f"+3 %: {found['unchanged_cutoff_plus_3_percent']:.1%}"
    )


def cpu_name() -> str:
    """Return the processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main() -> None:
    """Analyse every file of the folder, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the .npz files are")
    folder = parser.parse_args().folder
    found: dict[str, Any] = {}
    for name, (species, melting) in SYSTEMS.items():
        sample = analyse(folder / f"{name}.npz", species)
        if name == CALIBRATED_ON:
            found[CALIBRATION] = report(restrict(sample, 0), melting)
            found[HELD_OUT] = report(restrict(sample, 1), melting)
        found[name] = report(sample, melting)
    for name, one in found.items():
        show(name, one)
    fitted = found[CALIBRATION]["median_ordered_at_melting"]
    print(f"\nfitted threshold {fitted:.3f}, in use {AMORPHOUS_BELOW}")
    result = {
        "command": "python benchmarks/class_rule.py FOLDER",
        "cpu": cpu_name(),
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("nanochart", "numpy", "numba")},
        },
        "note": "Short runs from mixed seeds, not equilibrium; halves are blocks of 100 snapshots.",
        "amorphous_below": {"fitted": fitted, "in_use": AMORPHOUS_BELOW},
        "samples": found,
    }
    target = Path(__file__).parent / "results" / "class_rule.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
