"""``nanochart compare``: charts, linear PCA and UMAP judged on the same structures, in one table.

A chart is judged on the structures that its training held out, where it remembers its split and
the structures are those it was trained on; otherwise on all of them. RDFs and errors are in the
scaled units of one chart, the reference, so that charts of other data sets compare with it.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from nanochart.chart.chart import Chart
from nanochart.chart.comparison import (
    adjusted_rand_index,
    judge,
    principal_components,
    procrustes,
)
from nanochart.chart.families import Families, find_families
from nanochart.chart.judgement import EVALUATION_BATCH, r_squared
from nanochart.chart.neighbourhoods import NEIGHBOURS
from nanochart.chart.stability import jaccard
from nanochart.descriptor.scaling import MinMaxScaling
from nanochart.errors import NanochartError
from nanochart.progress import Progress, silent
from nanochart.structure.classes import CLASS_NAMES
from nanochart.workflow.judged import Entry, Structures, judged_structures, read_entries

#: From CVs (n, n_cvs) to scaled RDFs (n, n_bins).
_Decoder: TypeAlias = Callable[[NDArray[Any]], NDArray[np.float64]]
#: Indices of the structures that something was fitted to, and of those held out.
_Split: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class _Map:
    """A row of the table: places (n, n_cvs) of all structures on a chart, or on a rival."""

    name: str
    cvs: NDArray[Any]
    split: _Split | None
    decode: _Decoder | None
    families: Families | None


def compare_charts(
    paths: Sequence[Path],
    *,
    files: Sequence[Path] = (),
    with_umap: bool = False,
    k: int = NEIGHBOURS,
    seed: int = 0,
    species: str | None = None,
    skip_bad: bool = False,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Judge charts on the same structures, beside linear PCA and maybe UMAP.

    Parameters
    ----------
    paths
        Charts and run folders, of one cluster and one RDF.
    files
        Structures to judge them on; by default the unique minima of the first run folder.
    with_umap
        Whether to judge UMAP, too.
    k
        Neighbours.
    seed
        Of UMAP, and of the samples that stand for large sets.
    species, skip_bad
        As ``read_structures`` takes them.
    progress
        Called after every step.

    Returns
    -------
    dict
        JSON values, None for what has no meaning: ``structures`` (where from, how many, of which
        classes), ``k``, ``charts`` (a row each) and ``pairs`` (two charts each).

    Raises
    ------
    NanochartError
        A chart, a structure or UMAP is missing, the charts are not alike, or there are too few
        structures, or none that differ.
    """
    umap = _umap() if with_umap else None
    entries = read_entries(paths)
    structures = judged_structures(entries, files, species=species, skip_bad=skip_bad)
    n_steps = 2 * (len(entries) + 1 + with_umap)
    rows, charts = [], []
    for i, one in enumerate(_maps(entries, structures, umap, seed)):
        progress(2 * i + 1, n_steps)
        rows.append(_row(one, structures, k, seed))
        progress(2 * i + 2, n_steps)
        if i < len(entries):
            charts.append(one)
    counts = np.bincount(structures.classes, minlength=len(CLASS_NAMES))
    return {
        "structures": {
            "source": structures.source,
            "number": len(structures),
            "classes": dict(zip(CLASS_NAMES, counts.tolist(), strict=True)),
            "skipped": structures.skipped,
        },
        "k": k,
        "charts": rows,
        "pairs": [_pair(a, b) for a, b in itertools.combinations(charts, 2)],
        "families": _found_again(charts),
    }


def tables_of(result: dict[str, Any]) -> Iterator[tuple[str, tuple[str, ...], list[list[str]]]]:
    """Yield title, header and rows of the tables that tell a person what `compare_charts` found."""
    structures, rows, pairs = result["structures"], result["charts"], result["pairs"]
    counts = ", ".join(f"{n:,} {name}" for name, n in structures["classes"].items() if n)
    yield (
        f"{structures['number']:,} structures of {structures['source']}: {counts}",
        ("chart", "judged on", "MSE", "R²", "trust", "contin.", "r", "ρ"),
        [
            [
                row["name"],
                f"{row['n_judged']:,} {'new' if row['held_out'] else 'all'}",
                _shown(row["mse"], 4),
                *(_shown(row[key], 3) for key in ("r2", "trustworthiness", "continuity")),
                *(_shown(row[key], 3) for key in ("pearson", "spearman")),
            ]
            for row in rows
        ],
    )
    yield (
        f"classes among {result['k']} neighbours, order of the classes, families",
        ("chart", "k-NN", "balanced", "silh.", "Twin at", "aside", "between", "major"),
        [
            [
                row["name"],
                *(_shown(row[key], 3) for key in ("knn_accuracy", "knn_balanced", "silhouette")),
                *(_shown(row[key], 2) for key in ("twin_position", "twin_offset")),
                {True: "yes", False: "no", None: "—"}[row["twin_between"]],
                _shown(row["major_families"], 0),
            ]
            for row in rows
        ],
    )
    if pairs:
        yield (
            "two charts of the same structures",
            ("chart", "and", "Procrustes", "ARI", "major"),
            [
                [
                    pair["a"],
                    pair["b"],
                    _shown(pair["procrustes"], 3),
                    _shown(pair["adjusted_rand_index"], 3),
                    " | ".join(_shown(n, 0) for n in pair["major_families"]),
                ]
                for pair in pairs
            ],
        )
    if result["families"]:
        yield (
            f"families of {pairs[0]['a']}, found again on the other charts",
            ("family", "structures", "mean", "lowest", "name"),
            [
                [
                    row["id"],
                    row["size"],
                    _shown(float(np.mean(row["found_again"])), 2),
                    _shown(min(row["found_again"]), 2),
                    row["name"],
                ]
                for row in result["families"]
            ],
        )


def _maps(entries: Sequence[Entry], structures: Structures, umap: Any, seed: int) -> Iterator[_Map]:
    """Yield every chart, then its rivals: they are fitted to what the reference was fitted to."""
    for entry in entries:
        chart = entry.chart
        yield _Map(
            name=entry.name,
            cvs=chart.encode_rdf(structures.rdf),
            split=structures.split_of(chart),
            decode=_decoder(chart, structures.scaling),
            families=chart.families,
        )
    split = structures.split_of(structures.reference)
    train = np.arange(len(structures)) if split is None else split[0]
    n_cvs = structures.reference.model.n_cvs
    mean, components = principal_components(structures.scaled[train], n_cvs)
    cvs = (structures.scaled - mean) @ components
    yield _Map(f"PCA-{n_cvs}", cvs, split, lambda cvs: cvs @ components.T + mean, _families(cvs))
    if umap is not None:
        cvs = _umap_cvs(umap, structures.scaled, train, n_cvs, seed)
        yield _Map("UMAP", cvs, split, None, _families(cvs))


def _decoder(chart: Chart, scaling: MinMaxScaling) -> _Decoder:
    """Return what makes RDFs, scaled as the reference's, of a chart's CVs."""

    def decode(cvs: NDArray[Any]) -> NDArray[np.float64]:
        with torch.no_grad():
            decoded = chart.model.decode(torch.from_numpy(np.asarray(cvs, dtype=np.float32)))
        return scaling.transform(chart.scaling.inverse(decoded.numpy().astype(np.float64)))

    return decode


def _families(cvs: NDArray[Any]) -> Families | None:
    """Return the families of a rival, found as those of a chart; None if there are none to find."""
    try:
        return find_families(cvs)[0]
    except NanochartError:
        # Too few points for a scan of bandwidths: everything else can still be told.
        return None


def _umap() -> Any:
    """Return the module umap, which is no part of what nanochart installs."""
    try:
        return importlib.import_module("umap")
    except ImportError:
        raise NanochartError(
            "--umap: umap-learn is not installed; pip install umap-learn, or leave --umap out"
        ) from None


def _umap_cvs(
    umap: Any, scaled: NDArray[np.float64], train: NDArray[np.int64], n_cvs: int, seed: int
) -> NDArray[np.float64]:
    """Return UMAP's places, shape (n, n_cvs): fitted to some structures, the others put there."""
    model = umap.UMAP(n_components=n_cvs, random_state=seed, n_jobs=1).fit(scaled[train])
    cvs = np.empty((len(scaled), n_cvs))
    cvs[train] = model.embedding_
    rest = np.setdiff1d(np.arange(len(scaled)), train)
    if len(rest):
        cvs[rest] = model.transform(scaled[rest])
    return cvs


def _row(one: _Map, structures: Structures, k: int, seed: int) -> dict[str, Any]:
    """Return everything that is told of one chart or rival."""
    rows = np.arange(len(structures)) if one.split is None else one.split[1]
    if 2 * k >= len(rows):
        raise NanochartError(
            f"{one.name}: the {len(rows)} structures it is judged on are too few for {k} "
            "neighbours; ask for fewer --neighbours, or give more --structures"
        )
    cvs, scaled = one.cvs[rows], structures.scaled[rows]
    found = judge(scaled, cvs, structures.classes[rows], k=k, seed=seed)
    mse = float("nan") if one.decode is None else _mse(one.decode, cvs, scaled)
    return {
        "name": one.name,
        "n_judged": found.n_structures,
        "n_ranked": found.n_ranked,
        "held_out": one.split is not None,
        "mse": _number(mse),
        "r2": _number(r_squared(mse, structures.scaled, rows)),
        "trustworthiness": _number(found.trustworthiness),
        "continuity": _number(found.continuity),
        "pearson": _number(found.pearson),
        "spearman": _number(found.spearman),
        "knn_accuracy": _number(found.knn.plain),
        "knn_balanced": _number(found.knn.balanced),
        "knn_recall": {
            CLASS_NAMES[code]: _number(share)
            for code, share in zip(found.knn.classes, found.knn.recall, strict=True)
        },
        "silhouette": _number(found.silhouette),
        "twin_position": _number(found.order.position),
        "twin_offset": _number(found.order.offset),
        "twin_share": _number(found.order.share),
        "twin_between": found.order.between,
        "families": None if one.families is None else len(one.families),
        "major_families": None if one.families is None else len(one.families.major),
    }


def _pair(a: _Map, b: _Map) -> dict[str, Any]:
    """Return how far two charts agree on all the structures."""
    agreement = None
    if a.families is not None and b.families is not None:
        labels = (one.families.nearest(one.cvs) for one in (a, b) if one.families is not None)
        agreement = adjusted_rand_index(*labels)
    return {
        "a": a.name,
        "b": b.name,
        "procrustes": _number(procrustes(a.cvs, b.cvs)),
        "adjusted_rand_index": agreement,
        "major_families": [
            None if one.families is None else len(one.families.major) for one in (a, b)
        ],
    }


def _found_again(charts: Sequence[_Map]) -> list[dict[str, Any]]:
    """Return how well the first chart's major families are found again on each of the others.

    By the Jaccard coefficient with the best match, as in `nanochart.chart.stability`: charts of
    other seeds take the part of the bootstrap samples.
    """
    grouped = [
        (one.families, one.families.nearest(one.cvs)) for one in charts if one.families is not None
    ]
    if len(grouped) < 2 or charts[0].families is None:
        return []
    (families, labels), *others = grouped
    best = [jaccard(labels, other).max(axis=1) for _, other in others]
    return [
        {
            "id": family.id,
            "name": family.name,
            "size": family.size,
            "found_again": [float(one[family.id]) for one in best],
        }
        for family in families.major
        if family.id <= labels.max()
    ]


def _mse(decode: _Decoder, cvs: NDArray[Any], scaled: NDArray[np.float64]) -> float:
    """Return the mean squared error of scaled RDFs made from CVs."""
    total = 0.0
    for start in range(0, len(cvs), EVALUATION_BATCH):
        part = slice(start, start + EVALUATION_BATCH)
        total += float(np.square(decode(cvs[part]) - scaled[part]).sum())
    return total / scaled.size


def _number(value: float) -> float | None:
    """Return a number as JSON takes it: None for NaN."""
    return None if np.isnan(value) else float(value)


def _shown(value: float | None, digits: int) -> str:
    return "—" if value is None else f"{value:.{digits}f}"
