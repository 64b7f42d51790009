"""The stages that make structures: seeds, parallel-tempering MD, quenches."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.landscape import Group
from nanochart.progress import Progress
from nanochart.sampling.lammps import engine_for
from nanochart.sampling.potentials import Potential
from nanochart.sampling.quench import QuenchSettings, quench_batches
from nanochart.sampling.seeds import MOTIFS, seed_clusters
from nanochart.sampling.tempering import (
    PtmdSettings,
    Replicas,
    Snapshots,
    initial_replicas,
    ptmd,
    timestep_error,
)
from nanochart.workflow.config import RunFile
from nanochart.workflow.exchange import exchange_warning
from nanochart.workflow.run import Run

# Variables of the landscape's group, and the fields of Minima that fill them.
_QUENCHED = {
    "positions": "positions",
    "energy": "energies",
    "max_force": "max_forces",
    "converged": "converged",
}
#: Largest fluctuation of the total energy without a bath, as a share of the kinetic energy's.
_LARGEST_TIMESTEP_ERROR = 0.05
_QUENCH_BATCH = 12  # structures a task: short enough that no worker waits long for the last one


def potential_of(file: RunFile) -> Potential:
    return file.make_potential()


def seed(run: Run, progress: Progress) -> None:
    """Carve and quench the motifs."""
    engine = engine_for(potential_of(run.file), run.file.system.n_atoms, run.file.sampling.timestep)
    found = []
    for done, motif in enumerate(MOTIFS):
        progress(done, len(MOTIFS))
        with contextlib.suppress(NanochartError):  # a small size may not carry every motif
            found += seed_clusters(engine, motifs=(motif,), seed=run.file.sampling.seed)
    if not found:
        raise NanochartError(
            f"no seed cluster of {run.file.name} could be quenched; check potential and n_atoms"
        )
    found.sort(key=lambda seed: seed.energy)
    group = run.landscape.start_group(
        "seeds",
        len(found),
        chunk=len(found),
        flags={"motif": dict(enumerate(MOTIFS))},
        attributes={
            "potential": potential_of(run.file).name,
            "placements": [seed.placement for seed in found],
        },
    )
    group.write(
        0,
        positions=np.stack([seed.positions for seed in found]),
        energy=np.array([seed.energy for seed in found]),
        motif=np.array([MOTIFS.index(seed.motif) for seed in found]),
    )
    group.commit(len(found))
    progress(len(MOTIFS), len(MOTIFS))


def sample(run: Run, progress: Progress) -> None:
    """Run PTMD from the seeds, or from where it was cut off."""
    sampling, potential = run.file.sampling, potential_of(run.file)
    settings = PtmdSettings(
        temperatures=tuple(sampling.temperatures),
        n_steps=sampling.steps_per_cycle,
        timestep=sampling.timestep,
        damping=sampling.damping,
        seed=sampling.seed,
        species_swaps=run.file.species_swaps,
    )
    group = run.rows("sample", "snapshots", run.n_snapshots, chunk=run.chunk)
    replicas = _replicas_so_far(run, group, settings, potential)
    if replicas.cycle == 0:
        _tell_of_a_long_timestep(run, replicas, settings, potential)
    warnings = _Warnings(run)
    total = sampling.burn_in + sampling.cycles
    progress(replicas.cycle, total)
    with run.workers() as executor:
        # The burn-in moves the replicas and keeps nothing.
        for state, _ in ptmd(
            replicas, settings, potential, n_cycles=sampling.burn_in, executor=executor
        ):
            replicas = state
            if replicas.cycle % sampling.commit_every == 0 or replicas.cycle == sampling.burn_in:
                _commit_snapshots(group, [], replicas, settings, 0)
                warnings.look()
                run.committed()
            progress(replicas.cycle, total, energy=float(replicas.energies.min()))
        if replicas.cycle == sampling.burn_in:
            replicas = _with_counters_reset(replicas)
        block: list[Snapshots] = []
        for state, snapshots in ptmd(
            replicas, settings, potential, n_cycles=total, executor=executor
        ):
            replicas = state
            block.append(snapshots)
            if len(block) == sampling.commit_every:
                kept = replicas.cycle - sampling.burn_in
                _commit_snapshots(group, block, replicas, settings, kept)
                block = []
                warnings.look()
                if replicas.cycle < total:
                    run.committed()
            progress(replicas.cycle, total, energy=float(replicas.energies.min()))


class _Warnings:
    """Tell once, while there is time to change it, that the ladder has a gap."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._told = False

    def look(self) -> None:
        """Look at the swaps of the last commit."""
        if not self._told and (warning := exchange_warning(self._run)):
            self._run.tell(warning)
            self._told = True


def _tell_of_a_long_timestep(
    run: Run, replicas: Replicas, settings: PtmdSettings, potential: Potential
) -> None:
    """Warn of a time step that is stable, but too long for averages to be right."""
    error = timestep_error(replicas, settings, potential)
    if error > _LARGEST_TIMESTEP_ERROR:
        run.tell(
            f"a time step of {settings.timestep:g} fs is long for "
            f"{settings.temperatures[-1]:g} K: without a bath the energy fluctuates by "
            f"{100 * error:.0f} % of what its kinetic part does, and energies and populations will "
            "be off; halve it"
        )


def _replicas_so_far(
    run: Run, group: Group, settings: PtmdSettings, potential: Potential
) -> Replicas:
    state = group.attributes.get("state")
    if state is not None:
        return Replicas.from_arrays(group.load_state(int(state)))
    seeds, wanted = run.landscape["seeds"], run.file.sampling.starts
    starts = seeds.read("positions")
    if wanted == "best":
        starts = starts[:1]
    elif wanted != "motifs":
        starts = starts[seeds.read("motif") == MOTIFS.index(wanted)]
        if not len(starts):
            raise NanochartError(
                f"starts: no {wanted} seed of {run.file.name} could be quenched; begin with 'best'"
            )
    return initial_replicas(list(starts), settings, potential)


def _with_counters_reset(replicas: Replicas) -> Replicas:
    """Count swaps from the end of the burn-in on, as the snapshots are."""
    zero, none = np.zeros_like(replicas.swap_attempts), np.zeros_like(replicas.species_attempts)
    return replace(
        replicas,
        swap_attempts=zero,
        swap_accepts=zero,
        species_attempts=none,
        species_accepts=none,
    )


def _commit_snapshots(
    group: Group, block: list[Snapshots], replicas: Replicas, settings: PtmdSettings, kept: int
) -> None:
    """Write a block of snapshots and the state after it; the commit makes both count at once."""
    n_replicas = len(settings.temperatures)
    start = (kept - len(block)) * n_replicas
    if block:
        group.write(
            start,
            positions=np.concatenate([one.positions for one in block]),
            energy=np.concatenate([one.energies for one in block]),
            temperature=np.tile(settings.temperatures, len(block)),
            temperature_index=np.tile(np.arange(n_replicas), len(block)),
            walker=np.concatenate([one.walkers for one in block]),
            cycle=np.repeat(np.arange(kept - len(block), kept), n_replicas),
        )
    group.save_state(replicas.cycle, replicas.arrays())
    group.commit(
        start + len(block) * n_replicas,
        state=replicas.cycle,
        swap_attempts=replicas.swap_attempts.tolist(),
        swap_accepts=replicas.swap_accepts.tolist(),
        species_attempts=replicas.species_attempts.tolist(),
        species_accepts=replicas.species_accepts.tolist(),
    )
    group.drop_states(keep=replicas.cycle)


def quench(run: Run, progress: Progress) -> None:
    """Bring every snapshot to its local minimum."""
    snapshots = run.landscape["snapshots"]
    group = run.rows("quench", "quenched", run.n_snapshots, chunk=run.chunk)
    settings = QuenchSettings(**run.file.quench.model_dump())
    failed = int((group.read("converged") == 0).sum())
    progress(group.committed, run.n_snapshots, failed=failed)
    with run.workers() as executor:
        for start, stop in blocks(group.committed, run.n_snapshots, run.chunk):
            positions = snapshots.read("positions", start, stop).astype(np.float64)
            columns: dict[str, list[NDArray[Any]]] = {name: [] for name in _QUENCHED}
            batches = (positions[i:j] for i, j in blocks(0, len(positions), _QUENCH_BATCH))
            found = quench_batches(
                batches, potential_of(run.file), settings, executor, in_flight=len(positions)
            )
            for minima in found:
                for name, attribute in _QUENCHED.items():
                    columns[name].append(getattr(minima, attribute))
                failed += int((~minima.converged).sum())
            group.write(start, **{name: np.concatenate(part) for name, part in columns.items()})
            group.commit(stop)
            progress(stop, run.n_snapshots, failed=failed)
            if stop < run.n_snapshots:
                run.committed()


def blocks(start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (first, last) over start to stop, ``size`` at a time."""
    for first in range(start, stop, size):
        yield first, min(first + size, stop)
