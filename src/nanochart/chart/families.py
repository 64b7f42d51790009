"""Structural families: the modes of mean shift on a chart, and the points nearest to each.

The paper's section 4.3. It speaks of *major* families: a smallest size belongs to the definition.
Minor ones are kept and labelled too, after the major ones, so that every structure of the chart
has a family and nobody need guess where the rest went.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from nanochart.chart.bandwidth import BandwidthScan, bandwidth_scan, plateau
from nanochart.chart.mean_shift import mean_shift
from nanochart.chart.stability import RESAMPLES, bootstrap
from nanochart.errors import NanochartError
from nanochart.progress import Progress, silent
from nanochart.structure.family_words import FamilyWords

#: By default a major family holds at least this share of the points: 49 of the 49,016 of Au90.
SMALLEST_SHARE = 1e-3
#: And never fewer than this many, which is what it takes to look at a family.
SMALLEST_SIZE = 10


@dataclass(frozen=True)
class Family:
    """One family of a chart.

    Parameters
    ----------
    id
        Its label; 0 is the largest family.
    centre
        Its mode on the chart, ``n_cvs`` numbers.
    size
        Number of structures of the chart that are nearest to the centre.
    name, words
        A short name, and what its structures have in common and what varies; neutral until the
        structures behind the points are told of (``Families.told``).
    macro_family
        The paper's group it belongs to, one of ``structure.words.MACRO_FAMILIES``.
    agreement
        Share of its structures that the name fits.
    stability
        How well it is found again in bootstrap samples of the chart, from 0 to 1
        (`nanochart.chart.stability`); None where that was not asked.
    """

    id: int
    centre: tuple[float, ...]
    size: int
    name: str = ""
    words: str = ""
    macro_family: str = ""
    agreement: float = 0.0
    stability: float | None = None


@dataclass(frozen=True, eq=False)
class Families:
    """The families of a chart, by falling size: ``families[i].id == i``.

    Parameters
    ----------
    members
        The families.
    bandwidth
        Of the mean shift that found them, in units of the CVs.
    minimum_size
        From how many structures on a family is a major one.
    scan
        The bandwidths that were tried, if the bandwidth was chosen by their plateau.
    """

    members: tuple[Family, ...]
    bandwidth: float
    minimum_size: int
    scan: BandwidthScan | None = None

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Family]:
        return iter(self.members)

    def __getitem__(self, label: int) -> Family:
        if not 0 <= label < len(self.members):
            raise NanochartError(
                f"there is no family {label}: the chart has 0 to {len(self.members) - 1}"
            )
        return self.members[label]

    @property
    def major(self) -> tuple[Family, ...]:
        """The families of at least ``minimum_size`` structures: the first ones."""
        return tuple(family for family in self.members if family.size >= self.minimum_size)

    @property
    def centres(self) -> NDArray[np.float64]:
        """All centres, shape (n_families, n_cvs)."""
        return np.array([family.centre for family in self.members], dtype=np.float64)

    def nearest(self, cvs: NDArray[np.floating]) -> NDArray[np.int16]:
        """Return the family with the nearest centre for CVs, shape (n_structures, n_cvs)."""
        points = np.asarray(cvs, dtype=np.float64)
        return np.asarray(cKDTree(self.centres).query(points)[1]).astype(np.int16)

    def told(self, words: Mapping[int, FamilyWords]) -> Families:
        """Return the families with names and words, by label; the others as they are."""
        members = tuple(
            replace(
                family,
                name=words[family.id].name,
                words=words[family.id].sentence,
                macro_family=words[family.id].macro_family,
                agreement=words[family.id].agreement,
            )
            if family.id in words
            else family
            for family in self.members
        )
        return replace(self, members=members)

    def as_json(self) -> dict[str, Any]:
        """Return the families as JSON holds them."""
        stored: dict[str, Any] = {
            "members": [asdict(family) | {"centre": list(family.centre)} for family in self],
            "bandwidth": self.bandwidth,
            "minimum_size": self.minimum_size,
            "scan": None,
        }
        if self.scan is not None:
            stored["scan"] = {
                name: _without_nan(column.tolist()) if isinstance(column, np.ndarray) else column
                for name, column in vars(self.scan).items()
            }
        return stored

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Families:
        """Return the families that `as_json` stored."""
        scan = None
        if stored["scan"] is not None:
            columns: dict[str, Any] = {
                name: _with_nan(column) if isinstance(column, list) else column
                for name, column in stored["scan"].items()
            }
            n_bandwidths = len(columns["bandwidths"])
            # Charts of the first release were scanned without bootstrap samples.
            columns.setdefault("reproducibility", np.full(n_bandwidths, np.nan))
            columns.setdefault("resampled_major", np.zeros((n_bandwidths, 0), dtype=np.int64))
            scan = BandwidthScan(**columns)
        members = tuple(
            Family(**one | {"centre": tuple(one["centre"])}) for one in stored["members"]
        )
        return cls(members, stored["bandwidth"], stored["minimum_size"], scan)


def find_families(
    cvs: NDArray[np.floating],
    *,
    bandwidth: float | None = None,
    minimum_size: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[Families, NDArray[np.int16]]:
    """Return the families of a chart, and every structure's label.

    Parameters
    ----------
    cvs : ndarray, shape (n_structures, n_cvs)
        The chart's points.
    bandwidth
        Of the mean shift; by default that of the finest reproducible plateau of a scan
        (`nanochart.chart.bandwidth.plateaus`).
    minimum_size
        Structures that make a major family; by default 0.1 % of all, and 10 at least.
    resamples
        Bootstrap samples that tell how stable each family is; 0 to leave that out.
    seed
        Of the samples.
    progress
        Called after every bandwidth of the scan, and after every sample.

    Returns
    -------
    families : Families
    labels : ndarray of int16, shape (n_structures,)
        The family with the nearest centre. No structure of the chart is without one.

    Raises
    ------
    NanochartError
        The CVs, the bandwidth or the size cannot be used, or there are more families than labels.
    """
    points = np.ascontiguousarray(cvs, dtype=np.float64)
    if minimum_size is None:
        minimum_size = max(SMALLEST_SIZE, round(SMALLEST_SHARE * len(points)))
    if minimum_size < 1:
        raise NanochartError(f"families: minimum_size {minimum_size} must be at least 1")
    scan = None
    if bandwidth is None:
        share = minimum_size / max(len(points), 1)
        scan = bandwidth_scan(points, smallest_share=share, seed=seed, progress=progress)
        bandwidth = plateau(scan).bandwidth
    modes = mean_shift(points, bandwidth)
    sizes = np.bincount(modes.labels, minlength=len(modes.centres))
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] > 0]
    if len(order) > np.iinfo(np.int16).max:
        raise NanochartError(
            f"families: a bandwidth of {bandwidth:g} makes {len(order)} families; take a larger one"
        )
    labels = cKDTree(modes.centres[order]).query(points)[1]
    stability: list[float | None] = [None] * len(order)
    if resamples:
        found_again = bootstrap(
            points,
            labels,
            bandwidth,
            minimum_size=minimum_size,
            resamples=resamples,
            seed=seed,
            progress=progress,
        )
        stability = found_again.families.tolist()
    members = tuple(
        Family(
            id=label,
            centre=tuple(modes.centres[k].tolist()),
            size=int(sizes[k]),
            name=f"family {label}",
            stability=stability[label],
        )
        for label, k in enumerate(order)
    )
    families = Families(members, float(bandwidth), minimum_size, scan)
    return families, labels.astype(np.int16)


def _without_nan(values: list[Any]) -> list[Any]:
    """Return the list with None for NaN, which JSON does not know."""
    return [
        _without_nan(one) if isinstance(one, list) else None if one != one else one
        for one in values
    ]


def _with_nan(values: list[Any]) -> NDArray[Any]:
    """Return what `_without_nan` was made of."""
    return np.array([np.nan if one is None else one for one in values])
