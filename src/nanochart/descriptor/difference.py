"""What separates two sets of RDFs: the distances at which one has more pairs of atoms.

At every distance the difference of the means stands against the scatter within the sets: Cohen's
d, difference / sqrt((s_a² + s_b²) / 2) (J. Cohen, Statistical Power Analysis for the Behavioral
Sciences, 1988). The distances to tell are the peaks of |d|.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from nanochart.errors import NanochartError

#: From this effect size on a distance is worth telling: Cohen's "medium".
TOLD_EFFECT = 0.5
#: So many distances are told at most.
MOST_TOLD = 4
# A peak of the effect counts where the difference is at least this share of the largest one: in
# the tails next to nothing differs from next to nothing by many standard deviations.
_LEAST_DIFFERENCE = 0.1
# It stands out of its surroundings by this share of the highest peak.
_PROMINENCE = 0.25
# Scatter is taken to be at least this share of the largest density: rounding of float32.
_LEAST_SCATTER = 1e-6


@dataclass(frozen=True, eq=False)
class RdfDifference:
    """What set b of RDFs has more or less of than set a.

    Parameters
    ----------
    difference : ndarray, shape (n_bins,)
        Mean of b minus mean of a, Å⁻¹.
    effect : ndarray, shape (n_bins,)
        The same in pooled standard deviations; 0 where both sets are 0.
    told : ndarray, shape (n_told,)
        Distances in Å at which the sets differ most, by falling |effect|; may be none.
    more : ndarray of bool, shape (n_told,)
        Whether b has more pairs there.
    """

    difference: NDArray[np.float64]
    effect: NDArray[np.float64]
    told: NDArray[np.float64]
    more: NDArray[np.bool_]

    @property
    def sentence(self) -> str:
        """What b has compared with a: "more pairs at 3.9 and 5.0 Å, fewer at 4.1 Å"."""
        if not len(self.told):
            return "no distance at which they clearly differ"
        clauses: list[str] = []
        for more in (self.more[0], not self.more[0]):  # the strongest first
            places = [f"{place:.1f}" for place in np.sort(self.told[self.more == more])]
            if places:
                noun = "" if clauses else " pairs"
                *others, last = places
                listed = f"{', '.join(others)} and {last}" if others else last
                clauses.append(f"{'more' if more else 'fewer'}{noun} at {listed} Å")
        return ", ".join(clauses)


def rdf_difference(
    rdf_a: NDArray[np.floating[Any]],
    rdf_b: NDArray[np.floating[Any]],
    distances: NDArray[np.floating[Any]],
) -> RdfDifference:
    """Return what separates two sets of RDFs.

    Parameters
    ----------
    rdf_a, rdf_b : ndarray, shape (n_structures_a, n_bins) and (n_structures_b, n_bins)
        In Å⁻¹, two structures each at least.
    distances : ndarray, shape (n_bins,)
        In Å, rising.

    Raises
    ------
    NanochartError
        The shapes do not fit, or a set has fewer than two structures.
    """
    for name, rdf in (("first", rdf_a), ("second", rdf_b)):
        if rdf.ndim != 2 or rdf.shape[1:] != np.shape(distances):
            raise NanochartError(
                f"RDF difference: the {name} RDFs have shape {rdf.shape}; expected "
                f"(n_structures, {np.size(distances)}), a column a distance"
            )
        if len(rdf) < 2:
            raise NanochartError(
                f"RDF difference: the {name} set has {len(rdf)} structures; at least 2 are needed "
                "to tell a difference from scatter"
            )
    means = [np.mean(rdf, axis=0, dtype=np.float64) for rdf in (rdf_a, rdf_b)]
    variances = [np.var(rdf, axis=0, ddof=1, dtype=np.float64) for rdf in (rdf_a, rdf_b)]
    difference = np.asarray(means[1] - means[0])
    floor = max(_LEAST_SCATTER * float(np.max(means)), np.finfo(np.float64).tiny)
    effect = difference / np.maximum(np.sqrt(np.mean(variances, axis=0)), floor)

    size = np.abs(difference)
    height = np.where(size >= _LEAST_DIFFERENCE * size.max(), np.abs(effect), 0.0)
    # Padded, for a peak may be the first or last bin.
    peaks = find_peaks(
        np.pad(height, 1), height=TOLD_EFFECT, prominence=_PROMINENCE * height.max()
    )[0]
    told = peaks[np.argsort(-height[peaks - 1], kind="stable")][:MOST_TOLD] - 1
    return RdfDifference(
        difference, effect, np.asarray(distances, dtype=np.float64)[told], difference[told] > 0
    )
