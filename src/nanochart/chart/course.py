"""Epoch after epoch: the training structures in an order of their own, then the judgement."""

from __future__ import annotations

import time
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nanochart.chart.checkpoint import State
from nanochart.chart.devices import in_full_precision
from nanochart.chart.judgement import EVALUATION_BATCH
from nanochart.chart.protocol import (
    FEWEST_IN_BATCH,
    TrainingSettings,
    batches,
    order_of_epoch,
)
from nanochart.chart.steps import Step, make_step
from nanochart.chart.team import Team
from nanochart.errors import NanochartError
from nanochart.progress import Progress


class Course:
    """A training under way.

    Parameters
    ----------
    inputs : ndarray of float32, shape (n_structures, n_bins)
        Scaled RDFs; they are put on the device once.
    targets : ndarray of float32, shape (n_structures, n_bins)
        What they should become, if not themselves.
    parts
        Indices of the training and of the validation structures.
    settings
        How to train.
    state
        On the device; what `advance` moves on.
    device
        Where to train.
    team
        The processes that train together.

    Raises
    ------
    NanochartError
        There are too few structures, or too small a batch, to share among the processes.
    """

    def __init__(
        self,
        inputs: NDArray[np.float32],
        targets: NDArray[np.float32] | None,
        parts: tuple[NDArray[np.int64], NDArray[np.int64]],
        settings: TrainingSettings,
        state: State,
        device: torch.device,
        team: Team,
    ) -> None:
        self.settings = settings
        self.state = state
        self.team = team
        self.train, self.validation = parts
        fewest = FEWEST_IN_BATCH * team.size
        for what, number in (
            ("training structures", len(self.train)),
            ("structures a batch", settings.batch_size),
        ):
            if number < fewest:
                raise NanochartError(
                    f"training: {number} {what} are too few for {team.size} processes; at least "
                    f"{fewest} are needed: start fewer"
                )
        self.batches = list(batches(len(self.train), settings.batch_size, fewest))
        self.data = _on(device, inputs)
        self.targets = self.data if targets is None else _on(device, targets)

    def advance(self, epoch: int, progress: Progress) -> None:
        """Train for an epoch, counted from 0, and judge the outcome.

        Raises
        ------
        NanochartError
            The loss is no longer a number.
        """
        started = time.perf_counter()
        rate = self.settings.learning_rate_at(epoch)
        self.state.set_learning_rate(rate)
        self.state.model.train()
        train_loss = self._train(epoch, progress)
        self.team.copy_first(self.state.model.buffers())
        self.state.model.eval()
        validation_loss = self._validation_loss()
        self._check(validation_loss, f"epoch {epoch + 1}, validation")
        self.state.add_epoch(
            train_loss=train_loss,
            validation_loss=validation_loss,
            learning_rate=rate,
            seconds=time.perf_counter() - started,
        )

    @cached_property
    def _step(self) -> Step:
        # Not before the first epoch: a graph takes a second, and there may be nothing left to do.
        first = self.batches[0]
        return make_step(
            self.state.model,
            self.state.optimizer,
            self.data,
            self.targets,
            batch_size=first.stop - first.start,
            team=self.team,
        )

    def _train(self, epoch: int, progress: Progress) -> float:
        """Go through the training structures once and return their mean loss."""
        history = self.state.history
        figures = {
            name: float(column[-1])
            for name, column in (
                ("train_loss", history.train_loss),
                ("validation_loss", history.validation_loss),
            )
            if len(column)
        }
        order = torch.from_numpy(order_of_epoch(self.train, self.settings, epoch))
        order = order.to(self.data.device)
        total = torch.zeros((), dtype=torch.float64, device=order.device)
        for number, place in enumerate(self.batches):
            rows = order[place]
            loss = self._step(rows)
            total += loss.double() * len(rows)
            if not self.data.is_cuda:  # where reading the loss would wait for it
                figures["train_loss"] = loss.item()
                if self.team.size == 1:  # of several processes, none may stop by itself
                    self._check(loss.item(), f"epoch {epoch + 1}, batch {number + 1}")
            progress(
                epoch * len(self.batches) + number + 1,
                self.settings.epochs * len(self.batches),
                epoch=epoch + 1,
                **figures,
            )
        mean = self.team.total(total.item()) / (len(order) * self.team.size)
        self._check(mean, f"epoch {epoch + 1}")
        return mean

    def _validation_loss(self) -> float:
        """Return the mean loss of the validation structures: each process judges its share."""
        rows = self.team.share(torch.from_numpy(self.validation).to(self.data.device))
        errors = [torch.zeros(0, dtype=torch.float64, device=rows.device)]  # a share may be empty
        with torch.no_grad(), in_full_precision():
            for part in rows.split(EVALUATION_BATCH) if len(rows) else ():
                batch = self.data.index_select(0, part)
                square = (self.state.model(batch) - self.targets.index_select(0, part)).square()
                errors.append(square.mean(dim=1, dtype=torch.float64))
        total = float(torch.cat(errors).cpu().numpy().sum())
        return self.team.total(total) / len(self.validation)

    def _check(self, loss: float, where: str) -> None:
        """Raise unless a loss is a number."""
        if not np.isfinite(loss):
            rate = self.settings.learning_rate_at(len(self.state.history))
            raise NanochartError(
                f"training: the loss is no longer a number at {where}; lower the learning rate "
                f"(now {rate:g}) and train again"
            )


def _on(device: torch.device, array: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)
