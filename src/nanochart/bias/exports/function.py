"""The function that every export carries: positions in, CVs out, as one graph of tensor operations.

Distances, RDF (the splines of `nanochart.descriptor.basis`), scaling and encoder, all in float64,
differentiable by autograd. It is made from any RDF, scaling and network with an ``encode``.
"""

from __future__ import annotations

import copy
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from nanochart.descriptor.basis import RadialBasis
from nanochart.descriptor.rdf_torch import TorchRdf
from nanochart.descriptor.scaling import MinMaxScaling
from nanochart.errors import NanochartError


class ChartFunction(nn.Module):
    """Positions of one cluster in, its CVs out; float64 throughout.

    Parameters
    ----------
    basis
        Grid, bandwidth, window and unit of the RDF.
    scaling
        Of the bins of the window.
    encoder
        Any module with ``encode``: scaled RDFs (batch, n_bins) in, CVs (batch, n_cvs) out. It is
        copied, and left as it is.
    n_atoms
        Number of atoms of the cluster.

    Raises
    ------
    NanochartError
        RDF and scaling are of different charts.

    Notes
    -----
    Nothing here depends on values, so that the function can be traced: what can be wrong with
    positions is for the caller to check. A coordinate that is NaN or infinite makes the CVs NaN.
    """

    pairs: Tensor
    minimum: Tensor
    range: Tensor
    periodic: Tensor

    def __init__(
        self, basis: RadialBasis, scaling: MinMaxScaling, encoder: nn.Module, n_atoms: int
    ) -> None:
        super().__init__()
        if len(scaling.minimum) != basis.n_bins:
            raise NanochartError(
                f"export: the scaling has {len(scaling.minimum)} bins, the RDF {basis.n_bins}; "
                "they must be of the same chart"
            )
        self.n_atoms = n_atoms
        self.longest_distance = basis.longest_distance
        self.rdf = TorchRdf(basis)
        self.encoder = _used_part(encoder, basis.n_bins)
        self.register_buffer("pairs", torch.triu_indices(n_atoms, n_atoms, 1))  # (2, n_pairs)
        self.register_buffer("minimum", torch.as_tensor(scaling.minimum, dtype=torch.float64))
        self.register_buffer("range", torch.as_tensor(scaling.range, dtype=torch.float64))
        self.register_buffer("periodic", torch.ones(1, 3, dtype=torch.float64))
        self.eval()
        with torch.no_grad():
            self.n_cvs = len(self(*_example(self)))

    def forward(self, positions: Tensor, cell: Tensor) -> Tensor:
        """Return the CVs, shape (n_cvs,).

        Parameters
        ----------
        positions : Tensor of float64, shape (n_atoms, 3), Å
        cell : Tensor of float64, shape (3, 3), Å
            Cell vectors in rows; zeros along directions that are not periodic. Each pair counts
            with its nearest image, so a cell must be twice ``longest_distance`` wide.
        """
        # The pseudo-inverse of a row of zeros is a column of zeros: no turns along it.
        to_fractions = torch.linalg.pinv(cell.detach())
        rdf = self.rdf.density(
            self.pairs, positions[None], cell[None], to_fractions[None], self.periodic
        )
        cvs = self.encoder.encode((rdf - self.minimum) / self.range)[0]
        # A distance that is NaN lies beyond the window and would go unseen.
        result: Tensor = cvs + 0.0 * positions.sum()
        return result


def traced(function: ChartFunction) -> torch.jit.ScriptModule:
    """Return the function as TorchScript."""
    with warnings.catch_warnings():
        # Sizes become constants: that is meant. And TorchScript is deprecated, but PLUMED reads it.
        warnings.simplefilter("ignore")
        module: torch.jit.ScriptModule = torch.jit.trace(
            function, _example(function), check_trace=False
        )
    return module


def exported(function: ChartFunction) -> torch.export.ExportedProgram:
    """Return the function as a program of ``torch.export``."""
    return torch.export.export(function, _example(function))


def _example(function: ChartFunction) -> tuple[Tensor, Tensor]:
    """Return positions and a cell to trace with: a row of atoms 1 Å apart, nothing periodic."""
    positions = torch.zeros(function.n_atoms, 3, dtype=torch.float64)
    positions[:, 0] = torch.arange(function.n_atoms)
    return positions, torch.zeros(3, 3, dtype=torch.float64)


def _used_part(model: nn.Module, n_bins: int) -> Any:
    """Return a copy in float64, for inference, without the layers that ``encode`` does not use."""
    model = copy.deepcopy(model).to("cpu", torch.float64).eval().requires_grad_(False)
    called: set[str] = set()
    handles = [
        layer.register_forward_hook(lambda *_, name=name: called.add(name))
        for name, layer in model.named_modules()
    ]
    # One signal, as in use: the autoencoder has another way for many.
    model.encode(torch.zeros(1, n_bins, dtype=torch.float64))  # type: ignore[operator]
    for handle in handles:
        handle.remove()
    for name, _ in list(model.named_children()):
        if not any(one == name or one.startswith(f"{name}.") for one in called):
            setattr(model, name, nn.Identity())
    return model
