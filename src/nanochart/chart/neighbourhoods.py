"""Who is whose neighbour on a chart: what is kept of the RDFs' neighbours, and of the classes.

Trustworthiness and continuity (Venna & Kaski, ICANN 2001, p. 485), leave-one-out k-NN accuracy
and the silhouette (Rousseeuw, J. Comput. Appl. Math. 20, 53 (1987)). Distances are worked on in
blocks of rows: memory grows with the number of structures, not with its square.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from nanochart.errors import NanochartError

#: Neighbours looked at by default.
NEIGHBOURS = 10
#: Entries of a block of distances: 32 MB.
_BLOCK_ENTRIES = 2**22
#: Squared distances closer than this share of the largest squared norm are ties: rounding.
_ROUNDING = 1e-13


@dataclass(frozen=True, eq=False)
class KnnAccuracy:
    """How many structures have the class that most of their neighbours on the chart have.

    Parameters
    ----------
    plain
        Share of all structures.
    balanced
        Mean of ``recall``: every class counts alike, however rare. A class of one structure,
        which has no neighbour of its class, is left out.
    classes : ndarray of int, shape (n_classes,)
        Codes of the classes there are.
    recall : ndarray, shape (n_classes,)
        Share of each class; NaN for a class of one.
    """

    plain: float
    balanced: float
    classes: NDArray[np.int64]
    recall: NDArray[np.float64]


def trustworthiness(
    rdf: NDArray[Any],
    cvs: NDArray[Any],
    k: int = NEIGHBOURS,
    *,
    rows: NDArray[np.integer[Any]] | None = None,
) -> float:
    """Return how far neighbours on the chart are neighbours by their RDFs, too.

    ``1 − 2 / (n k (2n − 3k − 1)) Σ_i Σ_j max(0, r(i, j) − k)`` over the k nearest neighbours j of
    i on the chart, each the r-th nearest by RDF: 1 is best, about 0.5 is a chart of random places.
    Ties share their mean rank, so that a chart that falls together in a point is not the best.

    Parameters
    ----------
    rdf : ndarray, shape (n_structures, n_bins)
        Scaled RDFs.
    cvs : ndarray, shape (n_structures, n_cvs)
        Places on the chart.
    k
        Neighbours; below n_structures / 2.
    rows
        Structures to take as i, by default all; neighbours and ranks are among all structures.

    Returns
    -------
    float
        NaN if all structures coincide, by RDF or on the chart.

    Raises
    ------
    NanochartError
        ``k`` is not at least 1 and below n_structures / 2.

    Notes
    -----
    Time grows with ``len(rows)`` · n_structures.
    """
    return _kept_neighbours(rdf, cvs, k, rows)


def continuity(
    rdf: NDArray[Any],
    cvs: NDArray[Any],
    k: int = NEIGHBOURS,
    *,
    rows: NDArray[np.integer[Any]] | None = None,
) -> float:
    """Return how far neighbours by RDF are neighbours on the chart, too.

    As `trustworthiness`, with chart and RDFs exchanged: it falls where a chart tears apart what
    belongs together.
    """
    return _kept_neighbours(cvs, rdf, k, rows)


def knn_accuracy(cvs: NDArray[Any], classes: NDArray[Any], k: int = NEIGHBOURS) -> KnnAccuracy:
    """Return how well a structure's class follows from its k nearest neighbours on the chart.

    Leave-one-out: nobody is a neighbour of itself. Of classes with equal votes the one whose
    voters are nearer wins.

    Parameters
    ----------
    cvs : ndarray, shape (n_structures, n_cvs)
        Places on the chart.
    classes : ndarray of int, shape (n_structures,)
        Codes.
    k
        Neighbours; below n_structures.

    Raises
    ------
    NanochartError
        ``k`` is not at least 1 and below n_structures.
    """
    n = len(cvs)
    _check_k(k, n, largest=n - 1)
    found = cKDTree(cvs).query(cvs, k + 1)[1]  # (n, k + 1), nearest first
    others = found != np.arange(n)[:, None]
    # Among more than k coinciding structures, oneself may not be found at all.
    others[others.all(axis=1), -1] = False
    codes, own, counts = np.unique(classes, return_inverse=True, return_counts=True)
    voters = own[found[others].reshape(n, k)]
    # A vote falls with the voter's rank, by less in all than one vote is worth.
    weights = 1.0 - np.arange(k) / (k * (k + 1.0))
    votes = np.zeros((n, len(codes)))
    np.add.at(votes, (np.arange(n)[:, None], voters), weights)
    right = votes.argmax(axis=1) == own
    recall = np.bincount(own, weights=right) / counts
    recall[counts < 2] = np.nan
    known = recall[counts >= 2]
    balanced = float(known.mean()) if len(known) else float("nan")
    return KnnAccuracy(float(right.mean()), balanced, codes.astype(np.int64), recall)


def silhouette(
    cvs: NDArray[Any],
    classes: NDArray[Any],
    *,
    rows: NDArray[np.integer[Any]] | None = None,
) -> float:
    """Return the mean silhouette of the classes on the chart, from −1 to 1.

    ``(b − a) / max(a, b)`` with a structure's mean distance a to its own class and b to the
    nearest other class; 0 for the only one of its class.

    Parameters
    ----------
    cvs : ndarray, shape (n_structures, n_cvs)
        Places on the chart.
    classes : ndarray of int, shape (n_structures,)
        Codes.
    rows
        Structures to average over, by default all; the distances are to all structures.

    Returns
    -------
    float
        NaN if there are fewer than two classes, or every structure is a class of its own.
    """
    n = len(cvs)
    codes, own, counts = np.unique(classes, return_inverse=True, return_counts=True)
    if not 2 <= len(codes) < n:
        return float("nan")
    member = np.eye(len(codes))[own]  # (n, n_classes)
    rows = np.arange(n) if rows is None else rows
    total = 0.0
    for part in parts(rows, n):
        sums = cdist(cvs[part], cvs) @ member
        mine = own[part], counts[own[part]]
        place = (np.arange(len(part)), mine[0])
        within = sums[place] / np.maximum(mine[1] - 1, 1)
        means = sums / counts
        means[place] = np.inf
        nearest = means.min(axis=1)
        larger = np.maximum(within, nearest)
        fine = (mine[1] > 1) & (larger > 0)
        total += float(((nearest - within)[fine] / larger[fine]).sum())
    return total / len(rows)


def parts(rows: NDArray[np.integer[Any]], width: int) -> Iterator[NDArray[np.integer[Any]]]:
    """Yield rows in parts whose blocks of ``width`` columns stay small."""
    size = max(1, _BLOCK_ENTRIES // max(width, 1))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def coincide(points: NDArray[Any]) -> bool:
    """Return whether all points are the same one."""
    return bool((np.ptp(points, axis=0) == 0).all())


def centre(points: NDArray[Any]) -> NDArray[np.float64]:
    """Return points, shape (n, n_dimensions), shifted so that their mean is the origin."""
    return np.asarray(points - np.mean(points, axis=0, dtype=np.float64), dtype=np.float64)


def _kept_neighbours(
    ranked: NDArray[Any],
    near: NDArray[Any],
    k: int,
    rows: NDArray[np.integer[Any]] | None,
) -> float:
    """Return Venna and Kaski's measure: neighbours in ``near``, their ranks in ``ranked``."""
    n = len(near)
    _check_k(k, n, largest=(n - 1) // 2)
    if coincide(ranked) or coincide(near):
        return float("nan")
    ranked, near = centre(ranked), centre(near)  # squared distances then lose few digits
    rounding = _ROUNDING * float(np.square(ranked).sum(axis=1).max())
    rows = np.arange(n) if rows is None else rows
    excess = 0.0
    for part in parts(rows, n):
        neighbours = np.argpartition(_to_others(near, part), k - 1, axis=1)[:, :k]
        distances = _to_others(ranked, part)
        limits = np.take_along_axis(distances, neighbours, axis=1)  # (n_part, k)
        for limit in limits.T[:, :, None]:
            nearer = np.count_nonzero(distances < limit - rounding, axis=1)
            as_near = np.count_nonzero(distances <= limit + rounding, axis=1)
            rank = 0.5 * (nearer + 1 + as_near)
            excess += float(np.maximum(rank - k, 0.0).sum())
    return 1.0 - excess * 2.0 / (len(rows) * k * (2.0 * n - 3.0 * k - 1.0))


def _to_others(points: NDArray[np.float64], part: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return squared distances from some points to all, shape (n_part, n); infinite to oneself."""
    norms = np.square(points).sum(axis=1)
    square = norms[part, None] + norms - 2.0 * (points[part] @ points.T)
    square[np.arange(len(part)), part] = np.inf
    return np.asarray(square)


def _check_k(k: int, n: int, *, largest: int) -> None:
    if not 1 <= k <= largest:
        raise NanochartError(
            f"judging a chart: {k} neighbours among {n} structures; "
            + (f"ask for 1 to {largest}" if largest >= 1 else "give more structures")
        )
