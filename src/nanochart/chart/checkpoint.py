"""The state of a training between two epochs, and the checkpoint it is kept in.

Split, initial weights and the order of every epoch follow from the seed, so what a checkpoint
holds after an epoch is all there is to continue from. It is written as for a CPU, and goes on
wherever it is loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nanochart.chart.history import History
from nanochart.chart.network import Network
from nanochart.chart.networks import build_network
from nanochart.chart.protocol import TrainingSettings
from nanochart.chart.sealed import read_sealed, write_sealed
from nanochart.errors import NanochartError

CHECKPOINT_VERSION = 1

#: What Adam remembers of a parameter.
_ADAM = ("step", "exp_avg", "exp_avg_sq")


@dataclass(eq=False)
class State:
    """Everything that one epoch hands to the next."""

    model: Network
    optimizer: torch.optim.Adam
    best: dict[str, Tensor]
    history: History

    @classmethod
    def initial(
        cls, inputs: NDArray[np.float32], settings: TrainingSettings, model: Network | None = None
    ) -> State:
        """Return the state before the first epoch, on a CPU.

        Parameters
        ----------
        inputs : ndarray, shape (n_training, n_bins)
            What will be trained on.
        settings
            Seed, number of CVs, and network.
        model
            What to train, if it is not a new network.
        """
        if model is None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(settings.seed)
                model = build_network(settings.network, inputs.shape[1], settings.n_cvs)
            model.fit_to(torch.from_numpy(inputs))
        return cls(model, torch.optim.Adam(_learning(model).values()), _copy(model), History())

    def to(self, device: torch.device) -> None:
        """Move to a device; on a GPU in the form that a captured step needs."""
        self.model.to(device)
        self.best = {name: tensor.to(device) for name, tensor in self.best.items()}
        for entries in self.optimizer.state.values():
            entries.update({name: tensor.to(device) for name, tensor in entries.items()})
        if device.type == "cuda":
            for group in self.optimizer.param_groups:
                # Read by the graph on the GPU, so that a new rate needs no new graph.
                group.update(
                    capturable=True, fused=True, lr=torch.tensor(float(group["lr"]), device=device)
                )

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate, in its place if it is a tensor."""
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def add_epoch(self, **figures: float) -> None:
        """Note an epoch's figures (as of `History`), and the weights if they are the best."""
        lowest = self.history.validation_loss.min(initial=np.inf)
        if figures["validation_loss"] < lowest:
            self.best = _copy(self.model)
        self.history = self.history.appended(**figures)

    def save(self, path: Path, settings: TrainingSettings, fingerprint: str) -> None:
        """Replace the checkpoint."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        for name, parameter in _learning(self.model).items():
            for key, tensor in self.optimizer.state[parameter].items():
                tensors[f"adam.{key}.{name}"] = tensor
        history = {name: column.tolist() for name, column in asdict(self.history).items()}
        metadata = _identity(settings, fingerprint) | {"history": history}
        on_cpu = {name: tensor.cpu() for name, tensor in tensors.items()}
        write_sealed(path, "checkpoint", on_cpu, metadata)

    def load(self, path: Path, settings: TrainingSettings, fingerprint: str) -> None:
        """Continue from a checkpoint; to be called before the state is moved.

        Raises
        ------
        NanochartError
            It is damaged, of other settings, data or network, or of more epochs.
        """
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
        if len(self.history) > settings.epochs:
            raise NanochartError(
                f"{path}: has {len(self.history)} epochs, {settings.epochs} were asked "
                f"for; ask for at least as many, or {remedy}"
            )
        weights = self.model.state_dict()
        parameters = _learning(self.model)
        wanted = {f"{part}.{k}": v.shape for part in ("model", "best") for k, v in weights.items()}
        wanted |= {f"adam.{key}.{k}": v.shape for key in _ADAM[1:] for k, v in parameters.items()}
        wanted |= {f"adam.{_ADAM[0]}.{k}": torch.Size() for k in parameters}
        _check_network(path, tensors, wanted, remedy)
        self.model.load_state_dict({k: tensors[f"model.{k}"] for k in weights})
        self.best = {k: tensors[f"best.{k}"] for k in weights}
        for name, parameter in parameters.items():
            self.optimizer.state[parameter] = {key: tensors[f"adam.{key}.{name}"] for key in _ADAM}


def fingerprint_of(*arrays: NDArray[Any]) -> str:
    """Return the SHA-256 of what is trained on: inputs, and targets if they differ."""
    digest = hashlib.sha256()
    for array in arrays:
        contiguous = np.ascontiguousarray(array, dtype=np.float32)
        digest.update(str(contiguous.shape).encode())
        digest.update(contiguous.data)
    return digest.hexdigest()


def _check_network(
    path: Path, tensors: Mapping[str, Tensor], wanted: Mapping[str, torch.Size], remedy: str
) -> None:
    """Raise unless the tensors are those of this network."""
    for name in sorted({*tensors, *wanted}):
        found = tensors[name].shape if name in tensors else None
        if found != wanted.get(name):
            raise NanochartError(f"{path}: is of another network (see {name}); {remedy}")


def _learning(model: Network) -> dict[str, nn.Parameter]:
    """Return the parameters that are learnt, by name: parts of a model may stay as they are."""
    return {name: one for name, one in model.named_parameters() if one.requires_grad}


def _copy(model: Network) -> dict[str, Tensor]:
    """Return the model's weights and buffers, detached from what happens next."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _identity(settings: TrainingSettings, fingerprint: str) -> dict[str, Any]:
    """Return what must be equal for a training to be the same one; how long, if it can't go on."""
    same = asdict(settings) | {"halve_at": list(settings.halve_at)}
    if settings.can_go_on:
        del same["epochs"]
    return same | {"inputs": fingerprint, "format_version": CHECKPOINT_VERSION}
