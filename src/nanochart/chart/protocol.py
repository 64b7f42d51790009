"""How networks are trained: the paper's protocol and the compact network's, split, batches.

SI section 2.4: mean squared error, Adam, learning rate 1e-3 halved at epochs 30 and 90, the model
with the best validation loss kept; section 4.2: batches of 128, 80 % of the structures to train.
Split and order follow from the seed and the number of the epoch alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError

#: Fewer structures than this make no training set and no validation set.
FEWEST_STRUCTURES = 10
#: Scaled RDFs that differ by less in every bin are those of one structure: scaling stretches
#: whatever varies by more than rounding.
SAME = 1e-6
#: How the learning rate falls.
SCHEDULES = ("halving", "cosine")
#: What a network is trained by where it is not by the paper's protocol.
PROTOCOLS: dict[str, dict[str, Any]] = {"compact": {"learning_rate": 2e-3, "schedule": "cosine"}}
#: Batch normalisation of one structure says nothing about others.
FEWEST_IN_BATCH = 2


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
    schedule
        "halving", by ``halve_at``; or "cosine", from the learning rate down to zero at the last
        epoch, so that another number of epochs is another training.
    validation_fraction
        Share of the structures that is only used to judge, in (0, 1).
    seed
        Decides the split, the initial weights and the order of the batches.
    n_cvs
        Number of collective variables.
    network
        "paper" or "compact" (`nanochart.chart.networks`).
    """

    epochs: int = 100
    batch_size: int = 128
    learning_rate: float = 1e-3
    halve_at: tuple[int, ...] = (30, 90)
    validation_fraction: float = 0.2
    seed: int = 0
    n_cvs: int = 3
    schedule: str = "halving"
    network: str = "paper"

    def __post_init__(self) -> None:
        object.__setattr__(self, "halve_at", tuple(self.halve_at))
        for ok, wrong in (
            (self.epochs >= 1, f"epochs = {self.epochs}: at least 1"),
            (
                self.batch_size >= FEWEST_IN_BATCH,
                f"batch_size = {self.batch_size}: at least {FEWEST_IN_BATCH}",
            ),
            (self.learning_rate > 0, f"learning_rate = {self.learning_rate}: above 0"),
            (0 < self.validation_fraction < 1, "validation_fraction: between 0 and 1"),
            (self.seed >= 0, f"seed = {self.seed}: not negative"),
            (self.schedule in SCHEDULES, f"schedule = {self.schedule!r}: {' or '.join(SCHEDULES)}"),
        ):
            if not ok:
                raise NanochartError(f"training settings: {wrong} is needed")

    @classmethod
    def of(cls, network: str, **others: Any) -> TrainingSettings:
        """Return the settings a network is trained by, some of them given."""
        return cls(**{**PROTOCOLS.get(network, {}), "network": network, **others})

    @property
    def can_go_on(self) -> bool:
        """Whether more epochs continue a training, rather than making another."""
        return self.schedule != "cosine"

    def learning_rate_at(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        if self.schedule == "cosine":
            share = (epoch + 0.5) / self.epochs
            return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * share))
        return self.learning_rate * 0.5 ** sum(epoch >= halving for halving in self.halve_at)


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
    if np.ptp(inputs, axis=0).max() < SAME:
        raise NanochartError(
            f"training: the {len(inputs)} structures are all the same; a chart tells structures "
            "apart, so give different ones"
        )


def check_targets(inputs: NDArray[Any], targets: NDArray[Any]) -> None:
    """Raise a NanochartError unless ``targets`` are as many as the inputs, and numbers."""
    if targets.shape != inputs.shape or not np.isfinite(targets).all():
        raise NanochartError(
            f"training: targets of shape {targets.shape} do not fit inputs of shape "
            f"{inputs.shape}, or hold NaN; give one RDF for each"
        )


def split(
    n_structures: int, settings: TrainingSettings
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sorted indices of the training and of the validation structures."""
    n_validation = round(n_structures * settings.validation_fraction)
    n_validation = min(max(n_validation, 1), n_structures - 2)
    order = _permutation(settings.seed, 0, n_structures)
    return np.sort(order[n_validation:]), np.sort(order[:n_validation])


def order_of_epoch(
    train: NDArray[np.int64], settings: TrainingSettings, epoch: int
) -> NDArray[np.int64]:
    """Return the training structures in the order of an epoch, counted from 0."""
    return train[_permutation(settings.seed, epoch + 1, len(train))]


def batches(n: int, size: int, fewest: int = FEWEST_IN_BATCH) -> Iterator[slice]:
    """Yield where ``n`` structures are cut into batches.

    Parameters
    ----------
    n
        Number of structures, at least ``fewest``.
    size
        Of a batch.
    fewest
        Fewer than this left over join the batch before them.
    """
    ends = list(range(size, n - fewest + 1, size))
    for start, end in zip([0, *ends], [*ends, n], strict=True):
        yield slice(start, end)


def _permutation(seed: int, number: int, n: int) -> NDArray[np.int64]:
    """Return the permutation of ``n`` that belongs to a seed and a number."""
    return np.random.default_rng([seed, number]).permutation(n).astype(np.int64)
