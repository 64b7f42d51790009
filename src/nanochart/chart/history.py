"""What happened in each epoch of a training: in memory, as CSV, and for TensorBoard."""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError


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

    def __len__(self) -> int:
        return len(self.seconds)

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


class EventFolder:
    """A folder of TensorBoard event files, if TensorBoard is installed.

    Parameters
    ----------
    folder
        Made if it is not there. The files of a training that goes on lie beside those of before.
    epochs_done
        Epochs of the history so far; TensorBoard forgets what it was told of later ones.

    Raises
    ------
    NanochartError
        TensorBoard is not installed, or the folder cannot be written to.
    """

    def __init__(self, folder: Path, epochs_done: int) -> None:
        try:
            # Optional, and slow to import.
            tensorboard: Any = importlib.import_module("torch.utils.tensorboard")
        except ImportError:
            raise NanochartError(
                f"{folder}: event files need TensorBoard, which is not installed; "
                "`pip install tensorboard`, or read the losses from the CSV log"
            ) from None
        try:
            self._writer = tensorboard.SummaryWriter(str(folder), purge_step=epochs_done + 1)
        except OSError as error:
            raise NanochartError(
                f"{folder}: event files cannot be written ({error.strerror}); choose another folder"
            ) from None

    def add(self, history: History) -> None:
        """Write the last epoch of a history."""
        for name, column in asdict(history).items():
            self._writer.add_scalar(name, float(column[-1]), len(history))
        self._writer.flush()

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()
