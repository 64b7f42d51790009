"""What a report shows, as plain arrays and numbers; ``nanochart.show.report`` makes the page.

Nothing here reads a landscape or a run folder: the workflow fills ``ReportContent``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanochart.chart.bandwidth import BandwidthScan
from nanochart.chart.hierarchy import FamilyTree
from nanochart.chart.layers import Layer
from nanochart.errors import NanochartError
from nanochart.sampling.heat_capacity import HeatCapacity
from nanochart.show.sights import Sight
from nanochart.show.trajectory_figures import Trajectory
from nanochart.structure.classes import CLASS_NAMES

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class LossHistory:
    """Loss against epoch of one training, on inputs scaled to [0, 1]; epochs count from 1."""

    train: Floats  #: (n_epochs,) mean squared error
    validation: Floats  #: (n_epochs,) mean squared error
    best_epoch: int  #: the epoch whose model was kept, 1 … n_epochs
    n_training: int  #: structures trained on
    n_validation: int  #: structures held out
    r2: float | None = None  #: R² of the kept model on the validation set
    pca_mse: float | None = None  #: validation error of linear PCA, 3 components, same split
    pca_r2: float | None = None
    halvings: tuple[int, ...] = ()  #: epochs after which the learning rate was halved


@dataclass(frozen=True, eq=False)
class FamilyRow:
    """One mean-shift family; empty ``name`` and ``words`` everywhere drop the column."""

    id: int
    n_unique: int  #: unique structures in it
    n_snapshots: int  #: snapshots in it, duplicates included
    centre: Floats  #: (3,) CVs
    composition: Integers  #: (n_classes,) unique structures of each class
    lowest_energy: float  #: eV
    name: str = ""
    words: str = ""
    macro_family: str = ""  #: the paper's group, of ``structure.words.MACRO_FAMILIES``
    stability: float | None = None  #: found again in bootstrap samples, 0 to 1
    major: bool = True  #: large enough to be looked at one by one
    sight: Sight | None = None  #: its representative: the structure nearest to the centre

    @property
    def label(self) -> str:
        """Number and name."""
        return f"{self.id} {self.name}" if self.name else f"family {self.id}"

    @property
    def short_label(self) -> str:
        """Number and group, as the paper's Fig. 4C has them; for where there is little room."""
        return f"{self.id} {self.macro_family}".strip()


@dataclass(frozen=True, eq=False)
class DimensionScan:
    """Networks of several bottlenecks, trained alike (the paper's Fig. S2)."""

    dimensions: Integers  #: (n_dimensions,) numbers of CVs
    losses: Floats  #: (n_dimensions,) best validation losses
    r2: Floats | None = None  #: (n_dimensions,)
    pca: Floats | None = None  #: (n_dimensions,) losses of linear PCA
    elbow: int | None = None


@dataclass(frozen=True)
class StageTiming:
    """What one stage of the run took."""

    name: str
    seconds: float
    peak_mb: float | None = None  #: highest resident memory, MB


@dataclass(frozen=True, eq=False)
class ReportContent:
    """Everything the page shows. Class codes index ``nanochart.structure.classes.CLASS_NAMES``.

    Optional parts that are ``None`` or empty are left out of the page, with a line saying so.
    """

    title: str
    species: str  #: chemical symbol, such as "Au", or formula of an alloy, "Ag32Cu6"
    n_atoms: int
    command: str  #: the command line that makes this page again
    run_file: str  #: the text of the run file
    # what was sampled; failed quenches are counted in n_failed and appear nowhere else
    temperatures: Floats  #: (n_temperatures,) K
    snapshot_classes: Integers  #: (n_snapshots,) class codes
    snapshot_temperatures: Integers  #: (n_snapshots,) index into temperatures
    unique_classes: Integers  #: (n_unique,) class codes
    rdf_grid: Floats  #: (n_bins,) Å
    rdf: Floats  #: (n_unique, n_bins) Å⁻¹; may be memory-mapped
    # the chart of the unique structures
    cvs: Floats  #: (n_unique, 3)
    family_ids: Integers  #: (n_unique,) FamilyRow.id of each, -1 for none
    energies: Floats  #: (n_unique,) eV
    families: tuple[FamilyRow, ...] = ()
    # fractions of all snapshots at each temperature, and |first half − second half| in time
    class_fractions: Floats | None = None  #: (n_temperatures, n_classes)
    class_errors: Floats | None = None  #: same shape
    family_fractions: Floats | None = None  #: (n_temperatures, n_families), columns as `families`
    family_errors: Floats | None = None  #: same shape
    temperature_counts: Integers | None = None  #: (n_temperatures,) snapshots counted
    n_failed: int = 0  #: quenches that failed
    swaps_attempted: Integers | None = None  #: (n_temperatures - 1,) neighbour i with i + 1
    swaps_accepted: Integers | None = None  #: (n_temperatures - 1,)
    species_swaps_attempted: Integers | None = None  #: (n_temperatures,) of an alloy's atoms
    species_swaps_accepted: Integers | None = None  #: (n_temperatures,)
    time_per_replica_ns: float | None = None  #: burn-in included
    burn_in_ns: float | None = None
    snapshot_interval_ps: float | None = None
    loss: LossHistory | None = None
    bandwidth: float | None = None  #: of the mean shift, in units of the CVs
    scan: BandwidthScan | None = None  #: the bandwidths tried
    tree: FamilyTree | None = None  #: how the major families hang together
    layers: tuple[Layer, ...] = ()  #: of the network
    n_cvs: int = 3  #: dimensions of the chart; ``cvs`` has columns of zeros for those it has not
    heat: HeatCapacity | None = None
    heat_curve: HeatCapacity | None = None  #: by MBAR, at any temperature
    dimensions: DimensionScan | None = None
    trajectory: Trajectory | None = None
    windows: tuple[tuple[float, float], ...] = ()  #: of the trajectory, to be magnified
    snapshots: tuple[tuple[tuple[float, Sight], ...], ...] = ()  #: in each window: when, and what
    #: Why a figure is not there, by its name.
    reasons: Mapping[str, str] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()  #: whole sentences
    provenance: Mapping[str, str] = field(default_factory=dict)  #: shown in the order given
    timings: tuple[StageTiming, ...] = ()


def check_content(content: ReportContent) -> None:
    """Refuse arrays that do not fit together, before anything is drawn."""
    n_unique, n_temperatures = len(content.unique_classes), len(content.temperatures)
    by_class = (n_temperatures, len(CLASS_NAMES))
    by_family = (n_temperatures, len(content.families))
    by_pair = (max(n_temperatures - 1, 0),)
    expected: list[tuple[str, ArrayLike | None, tuple[int, ...]]] = [
        ("snapshot_temperatures", content.snapshot_temperatures, content.snapshot_classes.shape),
        ("rdf", content.rdf, (n_unique, len(content.rdf_grid))),
        ("cvs", content.cvs, (n_unique, 3)),
        ("family_ids", content.family_ids, (n_unique,)),
        ("energies", content.energies, (n_unique,)),
        ("class_fractions", content.class_fractions, by_class),
        ("class_errors", content.class_errors, by_class),
        ("family_fractions", content.family_fractions, by_family),
        ("family_errors", content.family_errors, by_family),
        ("temperature_counts", content.temperature_counts, (n_temperatures,)),
        ("swaps_attempted", content.swaps_attempted, by_pair),
        ("swaps_accepted", content.swaps_accepted, by_pair),
        ("species_swaps_attempted", content.species_swaps_attempted, (n_temperatures,)),
        ("species_swaps_accepted", content.species_swaps_accepted, (n_temperatures,)),
    ]
    if content.loss is not None:
        expected.append(("loss.train", content.loss.train, np.shape(content.loss.validation)))
    for name, array, shape in expected:
        if array is not None and np.shape(array) != shape:
            raise NanochartError(
                f"report: {name} has shape {np.shape(array)}, but {shape} was expected; "
                "fill ReportContent from one and the same run"
            )
    if not n_temperatures or np.any(np.diff(content.temperatures) <= 0):
        raise NanochartError(
            "report: temperatures must increase, and be at least one; sort the ladder first"
        )
    places = content.snapshot_temperatures
    if np.any((places < 0) | (places >= n_temperatures)):
        raise NanochartError(
            f"report: snapshot_temperatures points outside the {n_temperatures} temperatures; "
            "it holds places in temperatures, not kelvin"
        )
    for name, codes in (("snapshot", content.snapshot_classes), ("unique", content.unique_classes)):
        if np.any((codes < 0) | (codes >= len(CLASS_NAMES))):
            raise NanochartError(
                f"report: {name}_classes holds codes outside 0 … {len(CLASS_NAMES) - 1}; "
                "leave failed quenches out and count them in n_failed"
            )
    for name, array in (("cvs", content.cvs), ("energies", content.energies)):
        if not np.isfinite(array).all():
            raise NanochartError(
                f"report: {name} are not all finite; look at the stage that made them"
            )
