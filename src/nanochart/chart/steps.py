"""One step of the training: gather a batch, forward pass, loss, gradient, Adam.

On a CPU the kernels are long, and a step is simply done. On a GPU some 500 of them take less time
than Python needs to launch them, so the whole step is captured once as a CUDA graph and replayed
(https://pytorch.org/docs/stable/notes/cuda.html#whole-network-capture).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from nanochart.chart.team import Team

#: Steps before a capture, in which cuDNN and cuBLAS set themselves up.
WARM_UP = 3


class Step(Protocol):
    """Train on some rows of the data, a tensor of indices, and return the loss, unread."""

    def __call__(self, rows: Tensor) -> Tensor: ...


#: Takes what does one step; returns what does it again, and where its result then lies.
Capture = Callable[[Callable[[], Tensor]], tuple[Callable[[], None], Tensor]]


def make_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: Tensor,
    targets: Tensor,
    *,
    batch_size: int,
    team: Team,
) -> Step:
    """Return the step for a model on its device.

    Parameters
    ----------
    model, optimizer
        On the device of the data; the model in training mode.
    data : Tensor, shape (n_structures, n_bins)
        Everything there is to train on.
    targets : Tensor, shape (n_structures, n_bins)
        What the model should give for it; ``data`` itself of an autoencoder.
    batch_size
        Size of most batches.
    team
        The processes that take the step together.
    """
    if team.size > 1:
        return EagerStep(DistributedDataParallel(model), optimizer, data, targets, team)
    eager = EagerStep(model, optimizer, data, targets, team)
    return GraphedStep(eager, batch_size) if data.is_cuda else eager


class EagerStep:
    """A step done call by call; with a team, each process does its share of the rows.

    Averaged over the processes, losses and gradients are those of the whole batch, but for batch
    normalisation: each process takes the statistics of its share, and the running ones are those
    of the first, as is DistributedDataParallel's way.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        data: Tensor,
        targets: Tensor,
        team: Team,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.data = data
        self.targets = targets
        self.team = team

    def __call__(self, rows: Tensor) -> Tensor:
        mine = self.team.share(rows)
        batch = self.data.index_select(0, mine)  # (n_mine, n_bins)
        wanted = batch if self.targets is self.data else self.targets.index_select(0, mine)
        self.optimizer.zero_grad(set_to_none=True)
        # Shares may differ by one row: a mean over processes must weigh them.
        weight = self.team.size * len(mine) / len(rows)
        loss = functional.mse_loss(self.model(batch), wanted) * weight
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class GraphedStep:
    """A step captured as a graph and replayed; batches of another size are done call by call.

    Parameters
    ----------
    eager
        What does the step; left as it was, but for the memory of Adam, which is then there.
    batch_size
        Rows of the batches that are replayed.
    capture
        How the step is captured.
    """

    def __init__(self, eager: EagerStep, batch_size: int, capture: Capture | None = None) -> None:
        self.eager = eager
        # What a graph reads and writes stays where it is: (batch_size,) and a number.
        self.rows = torch.arange(batch_size, device=eager.data.device)
        with unchanged(eager.model, eager.optimizer):
            self.replay, self.loss = (capture or as_cuda_graph)(lambda: eager(self.rows))

    def __call__(self, rows: Tensor) -> Tensor:
        if len(rows) != len(self.rows):
            return self.eager(rows)
        self.rows.copy_(rows)
        self.replay()
        return self.loss


def as_cuda_graph(step: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
    """Capture a step on the current GPU: a `Capture`."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    # On a stream of this GPU: torch's own for captures stays on the GPU of the first one.
    with torch.cuda.graph(graph, stream=aside):
        loss = step()
    return graph.replay, loss


@contextmanager
def unchanged(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Take back what happens to weights, buffers and Adam's memory, all in their places.

    An optimizer that had no memory yet has one of zeros, which is the same to Adam.
    """
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    memory = {
        parameter: {name: tensor.clone() for name, tensor in entries.items()}
        for parameter, entries in optimizer.state.items()
    }
    yield
    model.load_state_dict(weights)
    for parameter, entries in optimizer.state.items():
        before = memory.get(parameter)
        for name, tensor in entries.items():
            if before is None:
                tensor.zero_()
            else:
                tensor.copy_(before[name])
