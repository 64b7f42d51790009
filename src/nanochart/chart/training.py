"""Training the autoencoder by the paper's protocol, resumable to the same bits.

SI section 2.4: mean squared error, Adam, learning rate 1e-3 halved at epochs 30 and 90, the model
with the best validation loss kept; section 4.2: batches of 128, 80 % of the structures to train.
Split, initial weights and the order of every epoch follow from the seed alone, so what a
checkpoint holds after an epoch is all there is to continue from.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nanochart.chart.autoencoder import Autoencoder
from nanochart.chart.judgement import r_squared, reconstruct
from nanochart.chart.sealed import read_sealed, write_sealed
from nanochart.errors import NanochartError
from nanochart.files import write_text
from nanochart.progress import Progress, silent

#: Fewer structures than this make no training set and no validation set.
FEWEST_STRUCTURES = 10

CHECKPOINT_VERSION = 1


@dataclass(frozen=True)
class TrainingSettings:
    """How to train; the defaults are the paper's.

    Parameters
    ----------
    epochs
        Passes over the training structures.
    batch_size
        Structures per step, at least 2 (batch normalisation needs a variance).
    learning_rate
        Adam's rate at the start.
    halve_at
        Epochs, counted from 0, from which on the rate is halved (once each).
    validation_fraction
        Share of the structures that is only used to judge, in (0, 1).
    seed
        Decides the split, the initial weights and the order of the batches.
    n_cvs
        Number of collective variables.
    """

    epochs: int = 100
    batch_size: int = 128
    learning_rate: float = 1e-3
    halve_at: tuple[int, ...] = (30, 90)
    validation_fraction: float = 0.2
    seed: int = 0
    n_cvs: int = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "halve_at", tuple(self.halve_at))
        for ok, wrong in (
            (self.epochs >= 1, f"epochs = {self.epochs}: at least 1"),
            (self.batch_size >= 2, f"batch_size = {self.batch_size}: at least 2"),
            (self.learning_rate > 0, f"learning_rate = {self.learning_rate}: above 0"),
            (0 < self.validation_fraction < 1, "validation_fraction: between 0 and 1"),
            (self.seed >= 0, f"seed = {self.seed}: not negative"),
        ):
            if not ok:
                raise NanochartError(f"training settings: {wrong} is needed")

    def learning_rate_at(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        return self.learning_rate * 0.5 ** sum(epoch >= halving for halving in self.halve_at)


@dataclass(frozen=True, eq=False)
class History:
    """What happened in each epoch: arrays of shape (n_epochs,).

    The training loss is the mean over the epoch's batches, while the weights move; the validation
    loss is that of the weights after the epoch. ``seconds`` are wall time.
    """

    train_loss: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    validation_loss: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    learning_rate: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    seconds: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def appended(self, **figures: float) -> History:
        """Return the history with one more epoch."""
        return replace(self, **{k: np.append(getattr(self, k), v) for k, v in figures.items()})

    @property
    def best_epoch(self) -> int:
        """The epoch, counted from 0, with the lowest validation loss."""
        return int(self.validation_loss.argmin())

    def as_csv(self) -> str:
        """Return the history as CSV, one line an epoch, counted from 1."""
        columns = asdict(self)
        rows = [",".join(["epoch", *columns])]
        for epoch, values in enumerate(zip(*columns.values(), strict=True), start=1):
            rows.append(",".join([str(epoch), *(f"{value:.6g}" for value in values)]))
        return "\n".join(rows) + "\n"


@dataclass(frozen=True, eq=False)
class Training:
    """A finished training: the model with the best validation loss, and how it came about."""

    model: Autoencoder
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
    checkpoint: Path | None = None,
    log: Path | None = None,
    progress: Progress = silent,
    threads: int | None = None,
) -> Training:
    """Train an autoencoder on scaled RDFs.

    Parameters
    ----------
    inputs : ndarray of float32, shape (n_structures, n_bins)
        RDFs scaled to [0, 1] per bin; at least 10 of them.
    settings
        How to train; the paper's protocol by default.
    checkpoint
        File replaced after every epoch. If it is there already, training continues from it, to
        the same bits as if it had never stopped (same CPU type, versions and threads). More
        epochs may be asked for than before.
    log
        CSV file of the history, replaced after every epoch.
    progress
        Called after every batch with ``epoch`` (from 1) and the last known ``train_loss`` and
        ``validation_loss``.
    threads
        Number of torch threads while training; by default torch's own choice.

    Returns
    -------
    Training

    Raises
    ------
    NanochartError
        The inputs cannot be trained on, the checkpoint is of other inputs or settings or
        damaged, or the loss is no longer a number.
    """
    settings = settings or TrainingSettings()
    check_inputs(inputs)
    train, validation = split(len(inputs), settings)
    with _threads(threads):
        state = _State.initial(inputs.shape[1], settings)
        fingerprint = _fingerprint(inputs)
        if checkpoint is not None and checkpoint.exists():
            state.load(checkpoint, settings, fingerprint)
        data = torch.from_numpy(np.ascontiguousarray(inputs, dtype=np.float32))
        for epoch in range(len(state.history.seconds), settings.epochs):
            state.advance(data, epoch, train, validation, settings, progress)
            if checkpoint is not None:
                state.save(checkpoint, settings, fingerprint)
            if log is not None:
                write_text(log, state.history.as_csv())
    history = state.history
    state.model.load_state_dict(state.best)
    best_loss = float(history.validation_loss[history.best_epoch])
    return Training(
        model=state.model.eval(),
        settings=settings,
        history=history,
        train_indices=train,
        validation_indices=validation,
        validation_r2=r_squared(best_loss, inputs, validation),
    )


def check_inputs(inputs: NDArray[Any]) -> None:
    """Raise a NanochartError unless ``inputs`` is a data set to train on."""
    if inputs.ndim != 2 or len(inputs) < FEWEST_STRUCTURES:
        raise NanochartError(
            f"training: inputs of shape {inputs.shape} are too few; at least {FEWEST_STRUCTURES} "
            "structures are needed (some thousands for a chart): sample longer"
        )
    bad = np.flatnonzero(~np.isfinite(inputs).all(axis=1))
    if len(bad):
        raise NanochartError(
            f"training: structure {bad[0]} (and {len(bad) - 1} more) has an RDF with NaN or "
            "infinity; remove it from the data set"
        )


def split(
    n_structures: int, settings: TrainingSettings
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sorted indices of the training and of the validation structures."""
    n_validation = round(n_structures * settings.validation_fraction)
    n_validation = min(max(n_validation, 1), n_structures - 2)
    order = _order(settings.seed, 0, n_structures)
    return np.sort(order[n_validation:]), np.sort(order[:n_validation])


@dataclass(eq=False)
class _State:
    """Everything that one epoch hands to the next."""

    model: Autoencoder
    optimizer: torch.optim.Adam
    best: dict[str, Tensor]
    history: History

    @classmethod
    def initial(cls, n_bins: int, settings: TrainingSettings) -> _State:
        """Return the state before the first epoch."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            model = Autoencoder(n_bins, settings.n_cvs)
        return cls(model, torch.optim.Adam(model.parameters()), _copy(model), History())

    def advance(
        self,
        data: Tensor,
        epoch: int,
        train: NDArray[np.int64],
        validation: NDArray[np.int64],
        settings: TrainingSettings,
        progress: Progress,
    ) -> None:
        """Train for one epoch and judge the outcome."""
        started = time.perf_counter()
        rate = settings.learning_rate_at(epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        order = train[_order(settings.seed, epoch + 1, len(train))]
        batches = list(_batches(order, settings.batch_size))
        last = self.history.validation_loss[-1:]
        figures = {"validation_loss": float(last[0])} if len(last) else {}
        self.model.train()
        total = 0.0
        for number, rows in enumerate(batches):
            batch = data[torch.from_numpy(rows)]
            self.optimizer.zero_grad(set_to_none=True)
            loss = functional.mse_loss(self.model(batch), batch)
            if not torch.isfinite(loss):
                raise NanochartError(
                    f"training: the loss is no longer a number at epoch {epoch + 1}, batch "
                    f"{number + 1}; lower the learning rate (now {rate:g}) and train again"
                )
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(rows)
            progress(
                epoch * len(batches) + number + 1,
                settings.epochs * len(batches),
                epoch=epoch + 1,
                train_loss=loss.item(),
                **figures,
            )
        validation_loss = float(reconstruct(self.model, data[validation].numpy())[1].mean())
        if not np.isfinite(validation_loss):
            raise NanochartError(
                f"training: the validation loss is no longer a number after epoch {epoch + 1}; "
                f"lower the learning rate (now {rate:g}) and train again"
            )
        if validation_loss < self.history.validation_loss.min(initial=np.inf):
            self.best = _copy(self.model)
        self.history = self.history.appended(
            train_loss=total / len(train),
            validation_loss=validation_loss,
            learning_rate=rate,
            seconds=time.perf_counter() - started,
        )

    def save(self, path: Path, settings: TrainingSettings, fingerprint: str) -> None:
        """Replace the checkpoint."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        for name, parameter in self.model.named_parameters():
            for key, tensor in self.optimizer.state[parameter].items():
                tensors[f"adam.{key}.{name}"] = tensor
        history = {name: column.tolist() for name, column in asdict(self.history).items()}
        metadata = _identity(settings, fingerprint) | {"history": history}
        write_sealed(path, "checkpoint", tensors, metadata)

    def load(self, path: Path, settings: TrainingSettings, fingerprint: str) -> None:
        """Continue from a checkpoint."""
        remedy = f"delete {path} to train from the start"
        tensors, metadata = read_sealed(
            path, "checkpoint", format_version=CHECKPOINT_VERSION, remedy=remedy
        )
        history = metadata.pop("history")
        expected = _identity(settings, fingerprint)
        different = sorted(key for key in expected if metadata.get(key) != expected[key])
        if different:
            raise NanochartError(
                f"{path}: belongs to another training (different: {', '.join(different)}); "
                f"use the settings and data of before, or {remedy}"
            )
        self.history = History(**{k: np.array(v, dtype=np.float64) for k, v in history.items()})
        if len(self.history.seconds) > settings.epochs:
            raise NanochartError(
                f"{path}: has {len(self.history.seconds)} epochs, {settings.epochs} were asked "
                f"for; ask for at least as many, or {remedy}"
            )
        self.model.load_state_dict({k: tensors[f"model.{k}"] for k in self.model.state_dict()})
        self.best = {k: tensors[f"best.{k}"] for k in self.best}
        for name, parameter in self.model.named_parameters():
            self.optimizer.state[parameter] = {
                key: tensors[f"adam.{key}.{name}"] for key in ("step", "exp_avg", "exp_avg_sq")
            }


def _batches(rows: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    """Yield ``rows`` in batches; a single row left over joins the batch before it.

    (Batch normalisation of one structure says nothing about others.)
    """
    ends = list(range(size, len(rows) - 1, size))
    for start, end in zip([0, *ends], [*ends, len(rows)], strict=True):
        yield rows[start:end]


def _order(seed: int, epoch: int, n: int) -> NDArray[np.int64]:
    """Return the permutation of ``n`` that belongs to a seed and an epoch."""
    return np.random.default_rng([seed, epoch]).permutation(n).astype(np.int64)


def _copy(model: Autoencoder) -> dict[str, Tensor]:
    """Return the model's weights and buffers, detached from what happens next."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _identity(settings: TrainingSettings, fingerprint: str) -> dict[str, Any]:
    """Return what must be equal for a training to be the same one: all but its length."""
    same = asdict(settings) | {"halve_at": list(settings.halve_at)}
    del same["epochs"]
    return same | {"inputs": fingerprint, "format_version": CHECKPOINT_VERSION}


def _fingerprint(inputs: NDArray[Any]) -> str:
    """Return the SHA-256 of the inputs."""
    contiguous = np.ascontiguousarray(inputs, dtype=np.float32)
    digest = hashlib.sha256(str(contiguous.shape).encode())
    digest.update(contiguous.data)
    return digest.hexdigest()


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    """Let torch use a number of threads for a while."""
    before = torch.get_num_threads()
    if number is not None:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
