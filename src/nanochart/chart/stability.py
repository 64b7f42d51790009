"""How far families can be relied on: found again in resampled data, and by another method.

Of bootstrap samples (as many points, drawn with replacement) mean shift is done anew, and every
point of the chart is given to the nearest new centre. A family is as stable as its best match
among the new ones is like it, by the Jaccard coefficient (shared points over points in either),
on average over the samples. C. Hennig, Comput. Stat. Data Anal. 52, 258 (2007), whose thresholds
are used: from 0.75 on a family is there, below 0.6 it should not be relied on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.spatial import cKDTree

from nanochart.chart.comparison import adjusted_rand_index
from nanochart.chart.mean_shift import MERGE, mean_shift
from nanochart.errors import NanochartError
from nanochart.progress import Progress, silent

#: From this Jaccard coefficient on a family is stable ...
STABLE = 0.75
#: ... and below this one it dissolves when the data are drawn again.
DOUBTFUL = 0.6
#: Bootstrap samples by default.
RESAMPLES = 20


@dataclass(frozen=True, eq=False)
class Stability:
    """How a grouping fared in resampled data.

    Parameters
    ----------
    families : ndarray, shape (n_families,)
        Mean Jaccard coefficient of each family and its best match.
    n_major : ndarray of int, shape (n_resamples,)
        Major families found in every sample.
    """

    families: NDArray[np.float64]
    n_major: NDArray[np.int64]


def bootstrap(
    points: NDArray[np.float64],
    labels: NDArray[np.integer],
    bandwidth: float,
    *,
    minimum_size: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: Progress = silent,
) -> Stability:
    """Return how stable families are when the points are drawn again.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_dimensions)
        The chart.
    labels : ndarray of int, shape (n_points,)
        The family of each point, from 0.
    bandwidth
        Of the mean shift.
    minimum_size
        Points that make a major family.
    resamples
        Number of bootstrap samples.
    seed
        Of the samples.
    progress
        Called after every sample.
    """
    best = np.zeros((resamples, int(labels.max()) + 1))
    n_major = np.zeros(resamples, dtype=np.int64)
    for i in range(resamples):
        draw = np.random.default_rng([seed, i]).integers(len(points), size=len(points))
        modes = mean_shift(points[draw], bandwidth, merge=MERGE)
        again = cKDTree(modes.centres).query(points)[1]
        best[i] = jaccard(labels, again).max(axis=1)
        n_major[i] = np.count_nonzero(np.bincount(again) >= minimum_size)
        progress(i + 1, resamples)
    return Stability(best.mean(axis=0), n_major)


def jaccard(labels: NDArray[np.integer], others: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the Jaccard coefficient of every family of one grouping with every one of another.

    Parameters
    ----------
    labels, others : ndarray of int, shape (n_points,)
        The two groupings, labels from 0.

    Returns
    -------
    ndarray, shape (n_families, n_others)
    """
    ones = np.ones(len(labels), dtype=np.int64)
    shared = np.asarray(coo_matrix((ones, (labels, others))).toarray(), dtype=np.float64)
    either = shared.sum(axis=1)[:, None] + shared.sum(axis=0) - shared
    return np.asarray(shared / np.maximum(either, 1))


def reproducibility(
    families: NDArray[np.float64], sizes: NDArray[np.integer], minimum_size: int
) -> float:
    """Return the mean stability of the major families, each counted by its size.

    That is how much of its family a structure, taken at random, would find again.
    """
    major = sizes >= minimum_size
    if not major.any():
        return float("nan")
    return float(np.average(families[major], weights=sizes[major]))


@dataclass(frozen=True)
class SecondOpinion:
    """What HDBSCAN makes of a chart.

    Parameters
    ----------
    n_clusters
        Clusters found.
    noise
        Share of the points that it gives to none.
    agreement
        Adjusted Rand index with the families, over the points it gives to a cluster.
    """

    n_clusters: int
    noise: float
    agreement: float


def second_opinion(
    points: NDArray[np.float64], labels: NDArray[np.integer], *, minimum_size: int
) -> SecondOpinion:
    """Return what HDBSCAN, which has no bandwidth, makes of the chart.

    L. McInnes, J. Healy, S. Astels, J. Open Source Softw. 2, 205 (2017), as scikit-learn has it.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_dimensions)
        The chart.
    labels : ndarray of int, shape (n_points,)
        The family of each point.
    minimum_size
        The smallest cluster: that of a major family.

    Raises
    ------
    NanochartError
        scikit-learn is not installed.
    """
    try:
        from sklearn.cluster import HDBSCAN
    except ImportError:
        raise NanochartError(
            "a second opinion needs scikit-learn; pip install scikit-learn"
        ) from None
    size = max(2, min(minimum_size, len(points)))
    found = HDBSCAN(min_cluster_size=size, copy=True).fit(points).labels_
    told = found >= 0
    agreement = adjusted_rand_index(labels[told], found[told]) if told.any() else float("nan")
    return SecondOpinion(int(found.max(initial=-1)) + 1, float((~told).mean()), agreement)
