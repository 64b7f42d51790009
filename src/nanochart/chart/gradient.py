"""The chart as a differentiable function: CVs and what moves them, exactly, for a step of MD.

    d(w · CV)/dr_i  =  Σ_g  [ Σ_c w_c dCV_c/dx_g ] / range_g  dRDF_g/dr_i,      x the scaled RDF

One pass back through the encoder makes a weight per bin, and `nanochart.descriptor.rdf_gradient`
turns it into forces between pairs. Nothing is approximated, and no array of pairs by bins made.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from nanochart.chart.autoencoder import Autoencoder
from nanochart.chart.dense import DenseEncoder
from nanochart.chart.frozen import FrozenEncoder
from nanochart.composition import species_of
from nanochart.descriptor.rdf_gradient import RdfAndGradient
from nanochart.errors import NanochartError
from nanochart.positions import Structures, as_structures

if TYPE_CHECKING:
    from nanochart.chart.chart import Chart

#: Which of a chart's encoders: the one it was trained with, or the small smooth one taught by it.
EncoderName: TypeAlias = Literal["trained", "distilled"]
#: Precision of the encoder.
Precision: TypeAlias = Literal["float32", "float64"]


class Evaluator(Protocol):
    """An encoder for one input at a time."""

    def pull_back(
        self, inputs: NDArray[np.float64], weights: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return CVs (n_cvs,), and gradients (n_sets, n_bins) of weights (n_sets, n_cvs) · CVs.

        Without weights, of each CV by itself.
        """

    def at(
        self, inputs: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], Callable[[NDArray[np.float64]], NDArray[np.float64]]]:
        """Return CVs, and what makes gradients (n_sets, n_bins) of weights (n_sets, n_cvs)."""


class ChartGradient:
    """CVs of a chart and their derivatives, one structure at a time: what a biased MD holds.

    Everything that does not depend on the positions is made once, here.

    Parameters
    ----------
    chart
        Whose CVs.
    encoder
        ``"trained"``, the chart's own, or ``"distilled"`` (`nanochart.chart.distillation`).
    precision
        Of the encoder, ``"float32"`` or ``"float64"``. Distances, RDF and the forces between pairs
        are always float64.
    threads
        Of torch inside a call, if the encoder is computed by torch at all; set back after it. One
        structure is too little work to share: 1 is fastest (docs/gradient.md).

    Raises
    ------
    NanochartError
        The encoder or the precision is unknown, or the chart has no distilled encoder.
    """

    def __init__(
        self,
        chart: Chart,
        *,
        encoder: EncoderName = "trained",
        precision: Precision = "float32",
        threads: int = 1,
    ) -> None:
        if precision not in get_args(Precision):
            raise NanochartError(f"precision {precision!r}: is unknown; give float32 or float64")
        if threads < 1:
            raise NanochartError(f"threads = {threads}: give at least 1")
        self.n_atoms = chart.n_atoms
        self.n_cvs = chart.model.n_cvs
        self.precision = precision
        self._evaluator = _evaluator(chart, encoder, precision, threads)
        self._rdf = RdfAndGradient(chart.basis, chart.n_atoms)
        self._minimum = chart.scaling.minimum
        self._per_range = 1.0 / chart.scaling.range

    def vjp(
        self, positions: ArrayLike, weights: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the CVs, and the gradient of weights · CVs: the price of one force.

        Parameters
        ----------
        positions : array_like, shape (n_atoms, 3), Å
            Two atoms may be at one place; the pair then adds nothing to the gradient.
        weights : array_like, shape (n_cvs,)
            For the force of a bias V(CVs), −∂V/∂CV.

        Returns
        -------
        cvs : ndarray of float64, shape (n_cvs,)
        gradient : ndarray of float64, shape (n_atoms, 3), 1/Å

        Raises
        ------
        NanochartError
            A shape is another, a number is not finite, or the encoder's precision overflows.
        """
        sets = np.array(weights, dtype=np.float64, ndmin=2)
        if sets.shape != (1, self.n_cvs) or not np.isfinite(sets).all():
            found = "NaN or inf among them" if sets.shape == (1, self.n_cvs) else f"{sets.size}"
            raise NanochartError(
                f"gradient: expected {self.n_cvs} finite weights, one a CV, got {found}"
            )
        cvs, gradients = self._pull_back(positions, sets)
        return cvs, gradients[0]

    def at(
        self, positions: ArrayLike
    ) -> tuple[NDArray[np.float64], Callable[[ArrayLike], NDArray[np.float64]]]:
        """Return the CVs, and what turns weights, which may depend on them, into a gradient.

        For a bias V(CVs): ask for the CVs, then give −∂V/∂CV. Costs little more than `vjp`.

        Parameters
        ----------
        positions : array_like, shape (n_atoms, 3), Å
            As for `vjp`.

        Returns
        -------
        cvs : ndarray of float64, shape (n_cvs,)
        pull_back
            Takes weights (n_cvs,), and returns the gradient (n_atoms, 3) of weights · CVs, 1/Å.

        Raises
        ------
        NanochartError
            As `vjp`.
        """
        atoms, scaled = self._scaled(positions)
        cvs, back = self._evaluator.at(scaled)
        self._check(cvs, scaled)

        def pull_back(weights: ArrayLike) -> NDArray[np.float64]:
            to_scaled = back(np.array(weights, dtype=np.float64, ndmin=2))
            self._check(to_scaled, scaled)
            only: NDArray[np.float64] = self._rdf.pull_back(atoms, to_scaled * self._per_range)[0]
            return only

        return cvs, pull_back

    def jacobian(self, positions: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the CVs and their derivatives in the positions.

        Parameters
        ----------
        positions : array_like, shape (n_atoms, 3), Å
            As for `vjp`.

        Returns
        -------
        cvs : ndarray of float64, shape (n_cvs,)
        jacobian : ndarray of float64, shape (n_cvs, n_atoms, 3), 1/Å

        Raises
        ------
        NanochartError
            As `vjp`.
        """
        return self._pull_back(positions, None)

    def _pull_back(
        self, positions: ArrayLike, weights: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return CVs, and the gradients (n_sets, n_atoms, 3) of weights · CVs."""
        atoms, scaled = self._scaled(positions)
        cvs, to_scaled = self._evaluator.pull_back(scaled, weights)
        self._check(cvs, scaled)
        self._check(to_scaled, scaled)
        return cvs, self._rdf.pull_back(atoms, to_scaled * self._per_range)

    def _scaled(self, positions: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return positions, checked, and their scaled RDF."""
        # A copy even of float64: for arrays that are not writeable numba would compile all anew.
        atoms = np.array(positions, dtype=np.float64, order="C")
        if atoms.shape != (self.n_atoms, 3) or not np.isfinite(atoms).all():
            raise NanochartError(
                f"gradient: expected finite positions of shape ({self.n_atoms}, 3), Å, got "
                + (f"shape {atoms.shape}" if atoms.shape != (self.n_atoms, 3) else "NaN or inf")
            )
        return atoms, (self._rdf.density(atoms) - self._minimum) * self._per_range

    def _check(self, found: NDArray[np.float64], scaled: NDArray[np.float64]) -> None:
        if not np.isfinite(found).all():
            raise NanochartError(
                f"gradient: the encoder overflows in {self.precision} on this structure (scaled "
                f"RDFs up to {np.abs(scaled).max():.3g}); give precision='float64', or look at it"
            )


class _TorchEvaluator:
    """An evaluator made of one that torch computes: NumPy in and out, on a number of threads.

    Threads that torch would take by itself make a network this small slower, so they are set for
    the call and set back after it.
    """

    def __init__(self, encoder: FrozenEncoder | _AnyEncoder, precision: str, threads: int) -> None:
        self._encoder = encoder
        self._dtype = getattr(torch, precision)
        self._threads = threads

    def pull_back(
        self, inputs: NDArray[np.float64], weights: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            cvs, gradients = self._encoder.pull_back(
                torch.from_numpy(inputs).to(self._dtype),
                None if weights is None else torch.from_numpy(weights).to(self._dtype),
            )
        finally:
            torch.set_num_threads(before)
        return cvs.double().numpy(), gradients.double().numpy()

    def at(
        self, inputs: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], Callable[[NDArray[np.float64]], NDArray[np.float64]]]:
        # One pass back for each CV now: torch's graph would not outlive the call.
        cvs, gradients = self.pull_back(inputs, None)
        return cvs, lambda weights: weights @ gradients


class _AnyEncoder:
    """Any network with ``encode``, through torch's autograd."""

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        # A copy, because the chart's own network stays in its precision.
        self._model = copy.deepcopy(model).to(dtype).eval().requires_grad_(False)
        self._every_cv = torch.eye(model.n_cvs, dtype=dtype)

    def pull_back(
        self, inputs: torch.Tensor, weights: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        sets = self._every_cv if weights is None else weights
        # A row for each set of weights: in evaluation mode rows do not see one another.
        rows = inputs.repeat(len(sets), 1).requires_grad_()
        with torch.enable_grad():
            cvs = self._model.encode(rows)
            (gradients,) = torch.autograd.grad((cvs * sets).sum(), rows)
        return cvs[0].detach(), gradients


def _evaluator(chart: Chart, encoder: str, precision: Precision, threads: int) -> Evaluator:
    """Return the fastest way to one of the chart's encoders."""
    if encoder == "distilled":
        student = chart.distilled_encoder()
        return DenseEncoder(student.weights, student.biases, precision)
    if encoder != "trained":
        raise NanochartError(f"encoder {encoder!r}: is unknown; give 'trained' or 'distilled'")
    return evaluator_of(chart.model, precision, threads)


def evaluator_of(model: Any, precision: Precision, threads: int) -> Evaluator:
    """Return the fastest exact way to a network's encoder and its derivative, for one input.

    Parameters
    ----------
    model
        Anything with ``encode`` and ``n_cvs``; its weights are copied.
    precision, threads
        As for `ChartGradient`.
    """
    dtype = getattr(torch, precision)
    if isinstance(model, Autoencoder):
        return _TorchEvaluator(FrozenEncoder(model, dtype), precision, threads)
    layers = silu_layers(model)
    if layers is not None:
        return DenseEncoder(*layers, precision)
    return _TorchEvaluator(_AnyEncoder(model, dtype), precision, threads)


def silu_layers(model: Any) -> tuple[list[NDArray[Any]], list[NDArray[Any]]] | None:
    """Return weights and biases of a network whose encoder is linear layers with SiLU between them.

    None of any other. The layers are looked for in ``model.encoder``, the ``centre`` and ``spread``
    by which inputs are shifted and divided in the model, too (the first layer takes them in). That
    ``model.encode`` does this, and nothing else, is tried on one input.
    """
    module = getattr(model, "encoder", None)
    if not isinstance(module, nn.Sequential):
        return None
    linear, between = list(module)[::2], list(module)[1::2]
    if len(linear) != len(between) + 1 or not all(isinstance(one, nn.SiLU) for one in between):
        return None
    weights, biases = [], []
    for layer in linear:
        if not isinstance(layer, nn.Linear) or layer.bias is None:
            return None
        weights.append(layer.weight.detach().double().cpu().numpy())
        biases.append(layer.bias.detach().double().cpu().numpy())
    weights[0] = weights[0] / float(getattr(model, "spread", 1.0))
    biases[0] = biases[0] - weights[0] @ np.broadcast_to(
        getattr(model, "centre", 0.0), weights[0].shape[1]
    )
    some = np.linspace(0.0, 1.0, weights[0].shape[1])
    with torch.no_grad():
        theirs = model.encode(torch.tensor(some[None], dtype=torch.float32))[0].numpy()
    ours, _ = DenseEncoder(weights, biases, "float64").pull_back(some, None)
    return (weights, biases) if np.allclose(ours, theirs, rtol=1e-4, atol=1e-4) else None


def over_structures(
    chart: Chart, structures: Structures, weights: Any, gradient: ChartGradient, *, every_cv: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return CVs and derivatives of one or many structures: what `Chart.vjp` is told.

    Parameters
    ----------
    chart, structures, weights
        As for `Chart.vjp`.
    gradient
        Of the chart.
    every_cv
        Whether each CV is taken by itself; the weights are then of no account.
    """
    positions, symbols = as_structures(structures, may_overlap=True, where="gradient")
    chart.check_cluster(positions.shape[1], None if symbols is None else species_of(symbols))
    n = len(positions)
    if every_cv:
        results = [gradient.jacobian(one) for one in positions]
    else:
        sets = np.asarray(weights, dtype=np.float64)
        if sets.shape not in {(gradient.n_cvs,), (n, gradient.n_cvs)}:
            raise NanochartError(
                f"gradient: weights have shape {sets.shape}, expected ({gradient.n_cvs},), one a "
                f"CV, or ({n}, {gradient.n_cvs}), for each structure"
            )
        sets = np.broadcast_to(sets, (n, gradient.n_cvs))
        results = [gradient.vjp(*one) for one in zip(positions, sets, strict=True)]
    cvs, gradients = zip(*results, strict=True)
    return np.stack(cvs), np.stack(gradients)
