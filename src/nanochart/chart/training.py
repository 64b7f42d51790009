"""Training the autoencoder by the paper's protocol, resumable to the same bits.

On a CPU, on a GPU, or in several processes that torchrun started: one loop, and a step
(`nanochart.chart.steps`) that differs. The data lie on the device; on a GPU the loss is read once
an epoch, so that Python never waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanochart.chart.checkpoint import State, fingerprint_of
from nanochart.chart.course import Course
from nanochart.chart.devices import find_device, using
from nanochart.chart.history import EventFolder, History
from nanochart.chart.judgement import r_squared
from nanochart.chart.network import Network
from nanochart.chart.protocol import TrainingSettings, check_inputs, check_targets, split
from nanochart.chart.team import Team, join_team
from nanochart.errors import NanochartError
from nanochart.files import write_text
from nanochart.progress import Progress, silent

__all__ = [
    "History",
    "Training",
    "TrainingSettings",
    "assist_training",
    "dismiss_assistants",
    "train_autoencoder",
]


#: Indices of the structures to train on, and of those to judge by.
Parts = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Training:
    """A finished training: the model with the best validation loss, and how it came about."""

    model: Network
    settings: TrainingSettings
    history: History
    train_indices: NDArray[np.int64]
    validation_indices: NDArray[np.int64]
    validation_r2: float

    @property
    def best_epoch(self) -> int:
        """The epoch, counted from 0, whose weights the model has."""
        return self.history.best_epoch

    @property
    def best_loss(self) -> float:
        """The model's validation loss: mean squared error in scaled units."""
        return float(self.history.validation_loss[self.best_epoch])


def train_autoencoder(
    inputs: NDArray[np.float32],
    settings: TrainingSettings | None = None,
    *,
    targets: NDArray[np.float32] | None = None,
    parts: Parts | None = None,
    model: Network | None = None,
    checkpoint: Path | None = None,
    log: Path | None = None,
    tensorboard: Path | None = None,
    progress: Progress = silent,
    threads: int | None = None,
    device: str = "auto",
) -> Training:
    """Train an autoencoder on scaled RDFs.

    Parameters
    ----------
    inputs : ndarray of float32, shape (n_structures, n_bins)
        RDFs scaled to [0, 1] per bin; at least 10 of them.
    settings
        How to train; the paper's protocol by default.
    targets : ndarray of float32, shape (n_structures, n_bins)
        What the network is to give for the inputs; by default the inputs themselves.
    parts
        Sorted indices of the structures to train on and of those to judge by; by default a random
        split (`nanochart.chart.protocol.split`).
    model
        What to train, for instance with parts that do not learn; by default a new network.
    checkpoint
        File replaced after every epoch. If it is there already, training continues from it. On a
        CPU it does so to the same bits as if it had never stopped (same CPU type, versions,
        threads and processes). More epochs may be asked for than before, or another device.
    log
        CSV file of the history, replaced after every epoch.
    tensorboard
        Folder for event files, a figure an epoch, if TensorBoard is installed.
    progress
        Called after every batch with ``epoch`` (from 1) and the last known ``train_loss`` and
        ``validation_loss``. On a GPU the loss of a batch is not waited for: the one told is the
        mean of the epoch before.
    threads
        Number of torch threads while training, shared by the processes of this machine; by
        default torch's own choice.
    device
        "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:1".

    Returns
    -------
    Training
        With the model on the CPU.

    Raises
    ------
    NanochartError
        The inputs cannot be trained on, the checkpoint is of other inputs, settings or network or
        damaged, the device is not there, or the loss is no longer a number.

    Notes
    -----
    Under torchrun every process calls this or `assist_training`. Only the arguments of the first
    count, and only it reads and writes files; all return the same. Each process takes its share of
    every batch, so a batch is as large as with one process; batch normalisation uses the
    statistics of the share, and the model keeps the running ones of the first process.

    On a GPU, cuDNN may sum in any order: a resumed training agrees to rounding.
    """
    team = join_team()
    if not team.leads:
        job: _Job | None = team.told_by_first()
        if job is None:
            raise NanochartError("training: the first process ended without one; see what it says")
        return _trained(job, team)
    settings = settings or TrainingSettings()
    check_inputs(inputs)
    find_device(device)
    if targets is not None:
        check_targets(inputs, targets)
    parts = parts or split(len(inputs), settings)
    state = State.initial(inputs[parts[0]], settings, model)
    fingerprint = fingerprint_of(inputs, *(() if targets is None else (targets,)))
    if checkpoint is not None and checkpoint.exists():
        state.load(checkpoint, settings, fingerprint)
    done = len(state.history)
    with closing(EventFolder(tensorboard, done)) if tensorboard else nullcontext() as events:

        def keep(state: State) -> None:
            if checkpoint is not None:
                state.save(checkpoint, settings, fingerprint)
            if log is not None:
                write_text(log, state.history.as_csv())
            if events is not None:
                events.add(state.history)

        job = _Job(inputs, targets, parts, settings, state, device, threads)
        team.told_by_first(job)
        return _trained(job, team, keep, progress)


def assist_training() -> None:
    """Train along with the first process of a team, as often as it trains, until it is done."""
    team = join_team()
    while (job := team.told_by_first()) is not None:
        _trained(job, team)
    team.part()


def dismiss_assistants() -> None:
    """End what `assist_training` does in the other processes of the team."""
    team = join_team()
    team.told_by_first(None)
    team.part()


@dataclass(frozen=True, eq=False)
class _Job:
    """What the processes of a team have to know."""

    inputs: NDArray[np.float32]
    targets: NDArray[np.float32] | None
    parts: Parts
    settings: TrainingSettings
    state: State
    device: str
    threads: int | None


def _trained(
    job: _Job,
    team: Team,
    keep: Callable[[State], None] = lambda _: None,
    progress: Progress = silent,
) -> Training:
    """Train to the last epoch, calling ``keep`` after each."""
    device = find_device(job.device, local_rank=team.local_rank if team.size > 1 else None)
    threads = None if job.threads is None else max(1, job.threads // team.local_size)
    state = job.state
    with using(device, threads):
        state.to(device)
        course = Course(job.inputs, job.targets, job.parts, job.settings, state, device, team)
        for epoch in range(len(state.history), job.settings.epochs):
            course.advance(epoch, progress)
            keep(state)
    history = state.history
    state.model.load_state_dict(state.best)
    best_loss = float(history.validation_loss[history.best_epoch])
    return Training(
        model=state.model.cpu().eval(),
        settings=job.settings,
        history=history,
        train_indices=job.parts[0],
        validation_indices=job.parts[1],
        validation_r2=r_squared(
            best_loss, job.inputs if job.targets is None else job.targets, job.parts[1]
        ),
    )
