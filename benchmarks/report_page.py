"""Time and size of the report page: 50,000 structures, 30 families.

    python benchmarks/report_page.py [OUT.json]

The content is made up (blobs on the chart, random RDFs, an icosahedron with displaced atoms for
each family): what takes time and room is drawing, not where the numbers come from. The time is that
of this process from finished content to the written page, after one small page, so that imports
and fonts are not counted. A peer there is none: it is held against 60 s and 15 MB.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
from ase.cluster import Icosahedron
from machine import cpu_model

from nanochart.chart.autoencoder import Autoencoder
from nanochart.chart.hierarchy import FamilyTree, Merge
from nanochart.chart.layers import layers_of
from nanochart.show.content import FamilyRow, LossHistory, ReportContent
from nanochart.show.report import write_report
from nanochart.show.sights import Sight
from nanochart.structure.classes import CLASS_NAMES
from nanochart.structure.cna import Environment

N_CLASSES, N_BINS = len(CLASS_NAMES), 280


def made_up(n_unique: int, n_families: int, n_temperatures: int = 36) -> ReportContent:
    """Return the content of a run of this size."""
    rng = np.random.default_rng(0)
    ids = rng.integers(n_families, size=n_unique)
    centres = rng.normal(scale=4, size=(n_families, 3))
    classes = (ids % N_CLASSES).astype(np.int8)
    n_snapshots = 10 * n_unique
    owner = rng.integers(n_unique, size=n_snapshots)
    families = tuple(
        FamilyRow(
            id=i,
            n_unique=int((ids == i).sum()),
            n_snapshots=int((ids[owner] == i).sum()),
            centre=centres[i],
            composition=np.bincount(classes[ids == i], minlength=N_CLASSES),
            lowest_energy=-300.0,
            name=f"family of number {i}",
            words="A sentence of about the length that such sentences have in real runs, or so.",
            macro_family="faulted fcc",
            stability=0.9,
            sight=_sight(rng),
        )
        for i in range(n_families)
    )
    shares = rng.dirichlet(np.ones(n_families), size=n_temperatures)
    by_class = rng.dirichlet(np.ones(N_CLASSES), size=n_temperatures)
    return ReportContent(
        title="Made-up run",
        species="Au",
        n_atoms=147,
        command="nanochart run made-up.toml",
        run_file="",
        temperatures=np.linspace(250.0, 550.0, n_temperatures),
        snapshot_classes=classes[owner],
        snapshot_temperatures=np.arange(n_snapshots) % n_temperatures,
        unique_classes=classes,
        rdf_grid=np.linspace(2, 16, N_BINS),
        rdf=rng.random((n_unique, N_BINS), dtype=np.float32),
        cvs=(centres[ids] + rng.normal(size=(n_unique, 3))).astype(np.float32),
        family_ids=ids,
        energies=rng.random(n_unique) - 300.0,
        families=families,
        class_fractions=by_class,
        class_errors=0.1 * by_class,
        family_fractions=shares,
        family_errors=0.1 * shares,
        loss=LossHistory(1 / np.arange(1, 101), 1.2 / np.arange(1, 101), 100, 40_000, 10_000, 0.9),
        layers=layers_of(Autoencoder(N_BINS, 3), N_BINS),
        tree=FamilyTree(
            tuple(
                Merge(0 if k == 0 else n_families + k - 1, k + 1, 0.05 * k, k + 2)
                for k in range(n_families - 1)
            ),
            n_families,
        ),
    )


def _sight(rng: np.random.Generator) -> Sight:
    positions = Icosahedron("Au", 4).positions  # 147 atoms
    environments = rng.choice(
        [Environment.OTHER, Environment.FCC, Environment.HCP], len(positions)
    ).astype(np.int8)
    nothing = np.zeros(len(positions), dtype=bool)
    return Sight(
        positions + rng.normal(0, 0.1, positions.shape),
        environments,
        np.array([0.0, 0.0, 1.0]),
        True,
        2.88,
        nothing,
    )


def main(out: Path) -> None:
    """Measure and write."""
    content = made_up(50_000, 30)
    with tempfile.TemporaryDirectory() as folder:
        write_report(Path(folder) / "first.html", made_up(100, 2, 3))
        seconds, cpu = [], []
        for _ in range(3):
            started, used = time.perf_counter(), time.process_time()
            page = write_report(Path(folder) / "report.html", content)
            seconds.append(round(time.perf_counter() - started, 2))
            cpu.append(round(time.process_time() - used, 2))
        megabytes = page.stat().st_size / 1e6
    result = {
        "command": "python benchmarks/report_page.py",
        "structures": 50_000,
        "families": 30,
        "atoms": 147,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "megabytes": round(megabytes, 2),
        "wanted": {"seconds": 60, "megabytes": 15},
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "matplotlib": mpl.__version__,
        },
    }
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    results = Path(__file__).parent / "results" / "report-page.json"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else results)
