"""How good a chart is, and how far two charts agree: figures that need no network and no files.

Neighbours and classes (`nanochart.chart.neighbourhoods`), the order of the classes, chart against
RDF distances; for two charts Procrustes and the adjusted Rand index (Hubert & Arabie, J. Classif.
2, 193 (1985)); the linear rival. RDFs are scaled per bin, as a network sees them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from nanochart.chart.neighbourhoods import (
    NEIGHBOURS,
    KnnAccuracy,
    centre,
    coincide,
    continuity,
    knn_accuracy,
    parts,
    silhouette,
    trustworthiness,
)
from nanochart.errors import NanochartError
from nanochart.structure.classes import CLASS_NAMES

#: Structures whose neighbours are ranked at most; the ranks always run over all structures.
MOST_RANKED = 5000
#: Pairs of structures whose distances are correlated at most.
MOST_PAIRS = 100_000


@dataclass(frozen=True)
class ClassOrder:
    """Where the middle one of three classes lies: T on the line from the centroid F to D.

    All are NaN if a class is missing or F and D coincide.

    Parameters
    ----------
    position
        Of the projection of T on the line: 0 at F, 1 at D.
    offset
        Distance of T from the line, in lengths of FD.
    share
        Share of the middle class's structures whose own projection lies between 0 and 1.
    """

    position: float
    offset: float
    share: float

    @property
    def between(self) -> bool | None:
        """Whether the angle F–T–D is obtuse: T in the sphere over FD; None if undefined.

        This is offset² < position (1 − position): the projection lies strictly between F and D,
        and T no further from the line than half their distance.
        """
        if np.isnan(self.position):
            return None
        return self.offset**2 < self.position * (1.0 - self.position)


@dataclass(frozen=True, eq=False)
class Judgement:
    """Everything that is said of one chart without its network; NaN where it has no meaning.

    Parameters
    ----------
    n_structures
        Structures judged.
    n_ranked
        Of these, a random sample whose neighbours were ranked (trustworthiness, continuity,
        silhouette) among all the judged ones.
    k
        Neighbours.
    trustworthiness, continuity, silhouette
        As the functions of that name return them.
    knn
        Of the classes.
    order
        Of Fcc, Twin and Dh.
    pearson, spearman
        Correlation of chart and RDF distances.
    """

    n_structures: int
    n_ranked: int
    k: int
    trustworthiness: float
    continuity: float
    knn: KnnAccuracy
    silhouette: float
    order: ClassOrder
    pearson: float
    spearman: float


def judge(
    rdf: NDArray[Any],
    cvs: NDArray[Any],
    classes: NDArray[Any],
    *,
    k: int = NEIGHBOURS,
    seed: int = 0,
    most_ranked: int = MOST_RANKED,
) -> Judgement:
    """Return the judgement of a chart by structures and their places on it.

    Parameters
    ----------
    rdf : ndarray, shape (n_structures, n_bins)
        Scaled RDFs.
    cvs : ndarray, shape (n_structures, n_cvs)
        Places on the chart.
    classes : ndarray of int, shape (n_structures,)
        Codes, places in ``structure.classes.CLASS_NAMES``.
    k
        Neighbours.
    seed
        Decides the sample of structures and the pairs.
    most_ranked
        Structures in the sample, if there are more.

    Raises
    ------
    NanochartError
        The arrays are of different lengths, hold NaN, or hold too few structures for ``k``.
    """
    n = len(cvs)
    if not len(rdf) == n == len(classes):
        raise NanochartError(
            f"judging a chart: {len(rdf)} RDFs, {n} places and {len(classes)} classes; give one "
            "of each for every structure"
        )
    for name, values in (("RDFs", rdf), ("places on the chart", cvs)):
        if bad := int((~np.isfinite(values).all(axis=1)).sum()):
            raise NanochartError(
                f"judging a chart: {bad} of {n} {name} hold NaN or infinity; leave these "
                "structures out, or train the chart again"
            )
    rows = None
    if n > most_ranked:
        rows = np.sort(np.random.default_rng(seed).choice(n, most_ranked, replace=False))
    pearson, spearman = distance_correlation(rdf, cvs, seed=seed)
    return Judgement(
        n_structures=n,
        n_ranked=n if rows is None else len(rows),
        k=k,
        trustworthiness=trustworthiness(rdf, cvs, k, rows=rows),
        continuity=continuity(rdf, cvs, k, rows=rows),
        knn=knn_accuracy(cvs, classes, k),
        silhouette=silhouette(cvs, classes, rows=rows),
        order=class_order(cvs, classes),
        pearson=pearson,
        spearman=spearman,
    )


def class_order(
    cvs: NDArray[Any],
    classes: NDArray[Any],
    *,
    ends: tuple[str, str] = ("Fcc", "Dh"),
    middle: str = "Twin",
) -> ClassOrder:
    """Return where a class lies on the way between two others; the paper: Twin from Fcc to Dh.

    Parameters
    ----------
    cvs : ndarray, shape (n_structures, n_cvs)
        Places on the chart.
    classes : ndarray of int, shape (n_structures,)
        Codes, places in ``structure.classes.CLASS_NAMES``.
    ends, middle
        Names of the classes.
    """
    points = np.asarray(cvs, dtype=np.float64)
    start, stop, between = (
        points[np.asarray(classes) == CLASS_NAMES.index(name)] for name in (*ends, middle)
    )
    if not (len(start) and len(stop) and len(between)):
        return ClassOrder(float("nan"), float("nan"), float("nan"))
    origin = start.mean(axis=0)
    line = stop.mean(axis=0) - origin
    square = float(line @ line)
    if square == 0.0:
        return ClassOrder(float("nan"), float("nan"), float("nan"))
    along = (between - origin) @ line / square  # (n_middle,)
    centre = between.mean(axis=0) - origin
    position = float(centre @ line / square)
    offset = float(np.linalg.norm(centre - position * line) / np.sqrt(square))
    return ClassOrder(position, offset, float(((along > 0) & (along < 1)).mean()))


def distance_correlation(
    rdf: NDArray[Any], cvs: NDArray[Any], *, n_pairs: int = MOST_PAIRS, seed: int = 0
) -> tuple[float, float]:
    """Return how distances on the chart follow distances between RDFs: Pearson, Spearman.

    Parameters
    ----------
    rdf : ndarray, shape (n_structures, n_bins)
        Scaled RDFs.
    cvs : ndarray, shape (n_structures, n_cvs)
        Places on the chart.
    n_pairs
        Pairs drawn at random; all pairs if there are no more.
    seed
        Decides the pairs.

    Returns
    -------
    pearson, spearman : float
        NaN if the distances of one kind are all equal.
    """
    n = len(cvs)
    if n * (n - 1) // 2 <= n_pairs:
        first, second = np.triu_indices(n, 1)
    else:
        rng = np.random.default_rng(seed)
        first = rng.integers(n, size=n_pairs)
        second = (first + rng.integers(1, n, size=n_pairs)) % n  # never the same structure
    by_rdf, on_chart = (_distances(points, first, second) for points in (rdf, cvs))
    if len(first) < 2 or np.ptp(by_rdf) == 0 or np.ptp(on_chart) == 0:
        return float("nan"), float("nan")
    pearson = np.corrcoef(by_rdf, on_chart)[0, 1]
    return float(pearson), float(spearmanr(by_rdf, on_chart).statistic)


def procrustes(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return what is left between two charts after the best shift, turn, mirror and scale.

    1 − R²: 0 for the same chart, 1 for charts that have nothing in common; the order of the two
    does not matter.

    Parameters
    ----------
    a, b : ndarray, shape (n_structures, n_cvs)
        Places of the same structures; the numbers of CVs may differ.

    Returns
    -------
    float
        NaN if all structures coincide on one of the charts.
    """
    if coincide(a) or coincide(b):
        return float("nan")
    first, second = (centred / np.linalg.norm(centred) for centred in map(centre, (a, b)))
    explained = float(np.linalg.svd(first.T @ second, compute_uv=False).sum()) ** 2
    return max(0.0, 1.0 - explained)


def adjusted_rand_index(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return how far two groupings agree: 1 for the same, 0 for as much as chance.

    Parameters
    ----------
    a, b : ndarray of int, shape (n_structures,)
        Labels; their values do not matter.
    """
    (in_a, codes_a), (in_b, codes_b) = (np.unique(x, return_inverse=True) for x in (a, b))
    table = np.bincount(codes_a * len(in_b) + codes_b, minlength=len(in_a) * len(in_b))
    table = table.reshape(len(in_a), len(in_b)).astype(np.float64)
    together, pairs_a, pairs_b, pairs = (
        float((counts * (counts - 1.0) / 2.0).sum())
        for counts in (table, table.sum(axis=1), table.sum(axis=0), table.sum())
    )
    chance = pairs_a * pairs_b / pairs if pairs else 0.0
    best = (pairs_a + pairs_b) / 2.0
    # One group each, or as many groups as structures: no way to disagree.
    return 1.0 if best == chance else (together - chance) / (best - chance)


def principal_components(
    inputs: NDArray[Any], n_components: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the best linear chart of scaled RDFs: their mean and principal components.

    Parameters
    ----------
    inputs : ndarray, shape (n_structures, n_bins)
        Scaled RDFs to fit to.
    n_components
        Number of CVs.

    Returns
    -------
    mean : ndarray, shape (n_bins,)
    components : ndarray, shape (n_bins, n_components)
        Orthonormal; ``(inputs - mean) @ components`` are the CVs, largest variance first.
    """
    mean: NDArray[np.float64] = np.mean(inputs, axis=0, dtype=np.float64)
    centred = inputs - mean
    components: NDArray[np.float64] = np.linalg.eigh(centred.T @ centred)[1]
    return mean, components[:, ::-1][:, :n_components]


def _distances(
    points: NDArray[Any], first: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]]
) -> NDArray[np.float64]:
    """Return the distances of pairs of points, shape (n_pairs,)."""
    found = np.empty(len(first))
    for part in parts(np.arange(len(first)), points.shape[1]):
        apart = np.asarray(points[first[part]] - points[second[part]], dtype=np.float64)
        found[part] = np.linalg.norm(apart, axis=1)
    return found
