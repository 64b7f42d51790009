"""The Chart: from positions to a point on a three-dimensional map, with a family and a domain.

It holds everything that leads there (grid, bandwidth and window of the RDF, scaling, network,
families) and knows nothing of how it was trained. It is one file: tensors, JSON, a checksum.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from nanochart.chart.distillation import DistilledEncoder
from nanochart.chart.domain import Domain
from nanochart.chart.families import Families
from nanochart.chart.gradient import ChartGradient, EncoderName, Precision, over_structures
from nanochart.chart.judgement import encode, reconstruct
from nanochart.chart.network import Network
from nanochart.chart.networks import described, from_description
from nanochart.chart.sealed import read_sealed, write_sealed
from nanochart.chart.training import Training
from nanochart.composition import cluster_name
from nanochart.descriptor.rdf import (
    BANDWIDTH,
    PAPER_GRID,
    RadialBasis,
    RdfGrid,
    Window,
    rdf_of_positions,
)
from nanochart.descriptor.scaling import MinMaxScaling
from nanochart.errors import NanochartError
from nanochart.positions import Structures, as_clusters

T = TypeVar("T")

FORMAT_VERSION = 1

#: The modes of a chart: what it takes.
QUENCHED, THERMAL = "quenched", "thermal"

#: Where the charts are that ship with the package.
_SHIPPED = Path(__file__).parents[1] / "data" / "charts"

#: Structures taken through RDF and network at once, so that memory stays flat.
BLOCK = 1024

#: Quantiles of the reconstruction error that a chart remembers.
ERROR_QUANTILES = (0.5, 0.9, 0.99, 0.999)


@dataclass(frozen=True, eq=False)
class ChartPoints:
    """Where structures are on a chart.

    Parameters
    ----------
    cvs : ndarray of float32, shape (n_structures, n_cvs)
        The collective variables.
    errors : ndarray, shape (n_structures,)
        Mean squared reconstruction error in scaled units; NaN on a thermal chart, where what it
        should be reconstructed to is not known.
    inside : ndarray of bool, shape (n_structures,)
        Whether the chart knows such structures (`nanochart.chart.domain`).
    families : ndarray of int16, shape (n_structures,)
        Family with the nearest centre; -1 outside the domain, or where there are no families.
    """

    cvs: NDArray[np.float32]
    errors: NDArray[np.float64]
    inside: NDArray[np.bool_]
    families: NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Chart:
    """A trained chart of one cluster (an element, or an alloy's formula, and a number of atoms).

    Of an alloy it sees the RDF of all distances, whatever the elements: two arrangements of the
    elements on one shape lie as near as their distances are alike.

    Parameters
    ----------
    model
        The network, in evaluation mode.
    scaling
        Min–max scaling of the window's bins.
    grid, bandwidth, window
        Of the RDF (Å; Å; half-open range of bins).
    species, n_atoms
        What the chart was trained on.
    domain
        Where it may be trusted.
    error_quantiles
        Quantiles (`ERROR_QUANTILES`) of the reconstruction error, for the ``"train"`` and the
        ``"validation"`` structures.
    mode
        ``"quenched"``: the chart knows local minima, not thermal configurations; ``"thermal"``:
        it puts thermal configurations where their minima are (`nanochart.chart.thermal`).
    families
        Found on it, if they were.
    provenance
        Where it comes from: anything JSON can hold.
    distilled
        A small smooth encoder with the same CVs, if one was taught
        (`nanochart.chart.distillation`).
    """

    model: Network
    scaling: MinMaxScaling
    grid: RdfGrid
    bandwidth: float
    window: Window
    species: str
    n_atoms: int
    domain: Domain
    error_quantiles: dict[str, list[float]]
    mode: str = QUENCHED
    families: Families | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    distilled: DistilledEncoder | None = None
    _gradients: dict[Any, ChartGradient] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def from_training(
        cls,
        training: Training,
        inputs: NDArray[np.float32],
        *,
        scaling: MinMaxScaling,
        window: Window,
        species: str,
        n_atoms: int,
        grid: RdfGrid = PAPER_GRID,
        bandwidth: float = BANDWIDTH,
        provenance: dict[str, Any] | None = None,
    ) -> Chart:
        """Return the chart of a finished training, without families yet.

        Parameters
        ----------
        training
            What `train_autoencoder` returned.
        inputs : ndarray, shape (n_structures, n_bins)
            What it was trained on.
        scaling, window, species, n_atoms, grid, bandwidth, provenance
            As of `Chart`.
        """
        _, errors = reconstruct(training.model, inputs)
        parts = {"train": training.train_indices, "validation": training.validation_indices}
        return cls(
            model=training.model,
            scaling=scaling,
            grid=grid,
            bandwidth=bandwidth,
            window=window,
            species=species,
            n_atoms=n_atoms,
            domain=Domain.of(scaling.inverse(inputs), errors, grid, n_atoms),
            error_quantiles={
                part: np.quantile(errors[rows], ERROR_QUANTILES).tolist()
                for part, rows in parts.items()
            },
            provenance=dict(provenance or {}),
        )

    def with_families(self, families: Families | None) -> Chart:
        """Return the same chart with other families."""
        return replace(self, families=families)

    def transform(self, structures: Structures) -> NDArray[np.float32]:
        """Return the CVs of structures.

        Parameters
        ----------
        structures
            Positions in Å, shape (n_structures, n_atoms, 3) or (n_atoms, 3), ``ase.Atoms`` or a
            list of them; local minima, unless the chart's mode says otherwise.

        Returns
        -------
        ndarray of float32, shape (n_structures, n_cvs)

        Raises
        ------
        NanochartError
            They are of another element or size than the chart's, or no structures.
        """
        return np.concatenate(self._over_blocks(structures, self.encode_rdf))

    def evaluate(self, structures: Structures) -> ChartPoints:
        """Return CVs, reconstruction errors, domain and families of structures at once.

        Parameters
        ----------
        structures
            As for `transform`.
        """
        parts = self._over_blocks(structures, self.evaluate_rdf)
        return ChartPoints(
            cvs=np.concatenate([part.cvs for part in parts]),
            errors=np.concatenate([part.errors for part in parts]),
            inside=np.concatenate([part.inside for part in parts]),
            families=np.concatenate([part.families for part in parts]),
        )

    def predict(self, structures: Structures) -> NDArray[np.int16]:
        """Return the families of structures, -1 outside the domain: ``chart.families[label]``."""
        if self.families is None:
            raise NanochartError(
                "this chart has no families yet; find them (find_families, with_families) first"
            )
        return self.evaluate(structures).families

    def reconstruction_error(self, structures: Structures) -> NDArray[np.float64]:
        """Return the mean squared reconstruction errors of structures, in scaled units."""
        return self.evaluate(structures).errors

    def is_inside(self, structures: Structures) -> NDArray[np.bool_]:
        """Return which structures lie inside the domain of the chart."""
        return self.evaluate(structures).inside

    def vjp(
        self,
        structures: Structures,
        weights: Any,
        *,
        encoder: EncoderName = "trained",
        precision: Precision = "float32",
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the CVs of structures, and the gradients of weights · CVs in the positions.

        Exact, also outside the domain. Runs on one thread of torch, however many are set. Where
        one structure after the other comes, as in MD, hold a `gradient` and call that.

        Parameters
        ----------
        structures
            As for `transform`; atoms may overlap.
        weights : array_like, shape (n_cvs,) or (n_structures, n_cvs)
            Of the CVs.
        encoder
            ``"trained"``, or the ``"distilled"`` one.
        precision
            Of the encoder, ``"float32"`` or ``"float64"``; all else is float64.

        Returns
        -------
        cvs : ndarray of float64, shape (n_structures, n_cvs)
        gradients : ndarray of float64, shape (n_structures, n_atoms, 3), 1/Å

        Raises
        ------
        NanochartError
            The structures are of another cluster or not finite, the weights do not fit, the chart
            has no such encoder, or it overflows.
        """
        prepared = self.gradient(encoder=encoder, precision=precision)
        return over_structures(self, structures, weights, prepared, every_cv=False)

    def jacobian(
        self,
        structures: Structures,
        *,
        encoder: EncoderName = "trained",
        precision: Precision = "float32",
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the CVs of structures, and their derivatives in the positions.

        Parameters
        ----------
        structures, encoder, precision
            As for `vjp`.

        Returns
        -------
        cvs : ndarray of float64, shape (n_structures, n_cvs)
        jacobian : ndarray of float64, shape (n_structures, n_cvs, n_atoms, 3), 1/Å

        Raises
        ------
        NanochartError
            As `vjp`.
        """
        prepared = self.gradient(encoder=encoder, precision=precision)
        return over_structures(self, structures, None, prepared, every_cv=True)

    def gradient(
        self,
        *,
        encoder: EncoderName = "trained",
        precision: Precision = "float32",
        threads: int = 1,
    ) -> ChartGradient:
        """Return the chart's derivative, prepared for one structure after the other.

        Made once and kept. Parameters and errors are those of
        `nanochart.chart.gradient.ChartGradient`.
        """
        key = (encoder, precision, threads)
        if key not in self._gradients:
            self._gradients[key] = ChartGradient(
                self, encoder=encoder, precision=precision, threads=threads
            )
        return self._gradients[key]

    def check_cluster(self, n_atoms: int, species: str | None) -> None:
        """Raise a NanochartError unless structures are of the chart's cluster."""
        if n_atoms != self.n_atoms or species not in (None, self.species):
            told = f"of {n_atoms} atoms" if species is None else cluster_name(species, n_atoms)
            raise NanochartError(
                f"this chart was trained on {cluster_name(self.species, self.n_atoms)}, the "
                f"structures are {told}; use the chart of that cluster, or train one"
            )

    def encode_rdf(self, rdf: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the CVs of unscaled RDFs, shape (n_structures, n_bins of the window), Å⁻¹."""
        return encode(self.model, self.scaling.transform(rdf))

    def distilled_encoder(self) -> DistilledEncoder:
        """Return the distilled encoder, or raise a NanochartError if there is none."""
        if self.distilled is None:
            raise NanochartError(
                "this chart has no distilled encoder; make one (nanochart distill, or "
                "nanochart.chart.distillation.distill), or take encoder='trained'"
            )
        return self.distilled

    def evaluate_rdf(
        self,
        rdf: NDArray[np.float64],
        *,
        errors: bool = True,
        encoder: EncoderName = "trained",
    ) -> ChartPoints:
        """Return what `evaluate` does, of unscaled RDFs, (n_structures, n_bins of the window).

        Without ``errors`` nothing is reconstructed, which is half the time of the paper's network:
        the errors are NaN, and shut nothing out of the domain. With the ``"distilled"`` encoder the
        network reconstructs from the CVs of that.
        """
        scaled = self.scaling.transform(rdf)
        if encoder == "distilled":
            cvs = self.distilled_encoder().encode(scaled)
        else:
            cvs = encode(self.model, scaled)
        misfits = np.full(len(scaled), np.nan)
        if self.mode != THERMAL and errors:
            _, misfits = reconstruct(self.model, scaled, cvs=cvs)
        inside = self.domain.contains(rdf, scaled, misfits, self.grid)
        families = np.full(len(cvs), -1, dtype=np.int16)
        if self.families is not None:
            families[inside] = self.families.nearest(cvs[inside])
        return ChartPoints(cvs, misfits, inside, families)

    @property
    def basis(self) -> RadialBasis:
        """The RDF of the chart."""
        return RadialBasis(self.grid, self.bandwidth, self.window)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the chart to a file, atomically; the same chart gives the same bytes.

        Raises
        ------
        NanochartError
            The file cannot be written.
        """
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors["scaling.minimum"] = torch.from_numpy(self.scaling.minimum)
        tensors["scaling.maximum"] = torch.from_numpy(self.scaling.maximum)
        metadata = {
            "format_version": FORMAT_VERSION,
            "mode": self.mode,
            "network": described(self.model),
            "rdf": {
                "grid": asdict(self.grid),
                "bandwidth": self.bandwidth,
                "window": list(self.window),
            },
            "species": self.species,
            "n_atoms": self.n_atoms,
            "domain": asdict(self.domain),
            "error_quantiles": self.error_quantiles,
            "families": None if self.families is None else self.families.as_json(),
            "provenance": self.provenance,
        }
        if self.distilled is not None:
            # Optional, and beside the rest: a chart without it is written as it always was.
            tensors |= {f"distilled.{k}": one for k, one in self.distilled.as_tensors().items()}
            metadata["distilled"] = self.distilled.as_json()
        write_sealed(path, "chart", tensors, metadata)

    def _over_blocks(
        self, structures: Structures, evaluate: Callable[[NDArray[np.float64]], T]
    ) -> list[T]:
        """Return what ``evaluate`` makes of the RDFs of the structures, block by block."""
        positions, species = as_clusters(structures)
        self.check_cluster(positions.shape[1], species)
        return [
            evaluate(rdf_of_positions(positions[start : start + BLOCK], self.basis))
            for start in range(0, len(positions), BLOCK)
        ]


def shipped_charts() -> dict[str, Path]:
    """Return the charts that ship with the package, by name: docs/charts.md says what they are."""
    return {path.stem: path for path in sorted(_SHIPPED.glob("*.safetensors"))}


def load_chart(path: str | os.PathLike[str]) -> Chart:
    """Read a chart from its file, or one that ships with the package by its name.

    Parameters
    ----------
    path
        A file; or ``"au90"``, ``"au147"``, ``"ag147"``, ``"cu147"``, of minima, or one of these
        with ``-thermal`` for hot configurations. A file of that name comes first.

    Raises
    ------
    NanochartError
        There is no such file, it is not a chart, it is damaged, or of a newer format.
    """
    if not Path(path).exists():
        path = shipped_charts().get(str(path), path)
    tensors, metadata = read_sealed(
        path, "chart", format_version=FORMAT_VERSION, remedy="copy or train the chart again"
    )
    try:
        return _assembled(tensors, metadata)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise NanochartError(
            f"{path}: lacks a part of a chart ({error}); copy or train the chart again"
        ) from None


def _assembled(tensors: dict[str, torch.Tensor], metadata: dict[str, Any]) -> Chart:
    """Return the chart that `Chart.save` took apart."""
    model = from_description(metadata["network"])
    model.load_state_dict({k: tensors[f"model.{k}"] for k in model.state_dict()})
    rdf, families = metadata["rdf"], metadata["families"]
    return Chart(
        model=model.eval(),
        scaling=MinMaxScaling(
            tensors["scaling.minimum"].numpy(), tensors["scaling.maximum"].numpy()
        ),
        grid=RdfGrid(**rdf["grid"]),
        bandwidth=rdf["bandwidth"],
        window=(rdf["window"][0], rdf["window"][1]),
        species=metadata["species"],
        n_atoms=metadata["n_atoms"],
        domain=Domain(**metadata["domain"]),
        error_quantiles=metadata["error_quantiles"],
        mode=metadata["mode"],
        families=None if families is None else Families.from_json(families),
        provenance=metadata["provenance"],
        distilled=DistilledEncoder.from_parts(tensors, metadata.get("distilled")),
    )
