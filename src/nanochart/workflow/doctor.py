"""The doctor: does everything a run needs work on this machine, and how fast is it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from nanochart.errors import NanochartError
from nanochart.parallel import available_cores

#: Free disk below which a full-scale run would not fit (MB): 1 kB a snapshot, a million of them.
_ROOM = 2000


@dataclass(frozen=True)
class Check:
    """One thing looked at: ``name``, whether it is ``ok``, and what was ``found``."""

    name: str
    ok: bool
    found: str


def examine() -> list[Check]:
    """Return all checks; a failure is a finding, not an error."""
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("cores and memory", _machine),
        ("room here", _room),
        ("packages", _packages),
        ("LAMMPS", _lammps),
        ("torch", _torch),
    )
    found = []
    for name, look in checks:
        try:
            found.append(Check(name, True, look()))
        # Whatever a broken installation raises is the finding.
        except Exception as error:
            found.append(Check(name, False, str(error) or type(error).__name__))
    return found


def _machine() -> str:
    memory = Path("/proc/meminfo")
    if not memory.exists():
        return f"{available_cores()} cores"
    kilobytes = int(memory.read_text().split()[1])
    return f"{available_cores()} cores, {kilobytes / 1e6:.1f} GB"


def _room() -> str:
    free = shutil.disk_usage(Path.cwd()).free / 1e6
    if free < _ROOM:
        raise NanochartError(f"{free:.0f} MB free here; a full-scale run wants {_ROOM} MB")
    return f"{free / 1e3:.1f} GB free"


def _packages() -> str:
    names = ("numpy", "scipy", "numba", "zarr", "xarray", "ase", "safetensors")
    return ", ".join(f"{name} {version(name)}" for name in names)


def _lammps() -> str:
    from nanochart.sampling.lammps import Engine, lammps_version
    from nanochart.sampling.quench import local_minimum
    from nanochart.sampling.rgl import energy_and_forces, rgl
    from nanochart.sampling.seeds import carved_clusters

    potential = rgl("Au")
    cluster = potential.r0 * carved_clusters("fcc", 90)[0]
    engine = Engine(potential, len(cluster))
    difference = abs(
        engine.energy_and_forces(cluster)[0] - energy_and_forces(cluster, potential)[0]
    )
    if difference > 1e-6 * len(cluster):
        raise NanochartError(f"LAMMPS' energy is off by {difference:.2e} eV; reinstall lammps")
    start = local_minimum(cluster, potential).positions
    velocities = engine.thermal_velocities(300.0, np.random.default_rng(0))
    begun = time.perf_counter()
    n_steps = 4000
    engine.advance(start, velocities, temperature=300.0, n_steps=n_steps, damping=1.0, seed=1)
    speed = n_steps / (time.perf_counter() - begun)
    return f"{lammps_version()}, energies right, {speed:,.0f} steps/s a core for Au90"


def _torch() -> str:
    import torch

    from nanochart.chart.autoencoder import Autoencoder

    n_parameters = sum(p.numel() for p in Autoencoder(280).parameters())
    if n_parameters != 474_564:
        raise NanochartError(f"the network has {n_parameters} parameters, not the paper's 474,564")
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU only"
    return f"{torch.__version__}, {where}"
