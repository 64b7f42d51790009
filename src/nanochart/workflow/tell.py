"""The stage that tells: the report page, filled from the landscape, the chart and the records."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.chart.chart import Chart, load_chart
from nanochart.chart.families import Families
from nanochart.chart.hierarchy import Relief, family_tree, relief
from nanochart.chart.layers import layers_of
from nanochart.composition import is_alloy
from nanochart.errors import NanochartError
from nanochart.progress import Progress
from nanochart.sampling.heat_capacity import HeatCapacity, heat_capacity
from nanochart.sampling.statistics import thermodynamics
from nanochart.show.content import (
    FamilyRow,
    LossHistory,
    ReportContent,
    StageTiming,
)
from nanochart.show.report import write_report
from nanochart.structure.classes import CLASS_NAMES
from nanochart.workflow.describe import FAILED
from nanochart.workflow.exchange import Exchange, exchange_of
from nanochart.workflow.figures import read_dimensions
from nanochart.workflow.learn import training_summary_path
from nanochart.workflow.provenance import provenance
from nanochart.workflow.run import Run
from nanochart.workflow.sights import with_sights

_NO_HEAT = "It needs the energies of the hot snapshots, which an imported run does not have."
#: Bootstrap samples of the heat capacity's band: for the eye.
_FEW_SAMPLES = 30
#: The paper's sampling, ns a replica (Settem et al., J. Chem. Phys. 2023: 1 to 2 µs).
_PAPER_TIME = 1400.0


def report(run: Run, progress: Progress) -> None:
    """Write the page."""
    progress(0, 1)
    write_report(run.report_path, report_content(run))
    progress(1, 1)


def report_content(run: Run) -> ReportContent:
    """Gather what the page shows."""
    chart = load_chart(run.chart_path)
    snapshots, quenched = run.landscape["snapshots"], run.landscape["quenched"]
    unique, points = run.landscape["unique"], run.landscape["chart"]
    codes = run.landscape["classes"].read("cluster_class")
    good = codes != FAILED
    rows = unique.read("snapshot")  # (n_unique,) rows of all snapshots
    ladder = np.asarray(run.file.sampling.temperatures, dtype=float)
    place = snapshots.read("temperature_index")
    # Half against half: cycles are the time of the run.
    second_half = snapshots.read("cycle") >= (run.file.sampling.cycles + 1) // 2
    family = points.read("family")
    families = family_rows(chart, codes, rows, family, quenched.read("energy"))
    families = with_sights(run, families, points.read("cvs")[rows], family[rows])
    family_column = _columns([family.id for family in families], points.read("family"))
    fractions = {
        "class": _fractions(codes, len(CLASS_NAMES), place, len(ladder), good),
        "family": _fractions(family_column, len(families), place, len(ladder), good),
    }
    errors = {
        name: np.abs(
            np.subtract(
                *(
                    _fractions(column, n_columns, place, len(ladder), good & half)
                    for half in (second_half, ~second_half)
                )
            )
        )
        for name, column, n_columns in (
            ("class", codes, len(CLASS_NAMES)),
            ("family", family_column, len(families)),
        )
    }
    times = _times(run)
    loss = _loss(run)
    cvs = points.read("cvs")[rows]
    assert chart.families is not None  # the stage before saw to it
    heat = _heat(run, ladder)
    exchange = exchange_of(snapshots, len(ladder))
    attempted, accepted = _species_swaps(run)
    return ReportContent(
        title=f"Chart of {run.file.name}",
        species=run.file.system.species,
        n_atoms=run.file.system.n_atoms,
        command=f"nanochart run {shlex.quote(str(run.folder / 'run.toml'))} "
        f"--output {shlex.quote(str(run.folder))}",
        run_file=run.text,
        temperatures=ladder,
        snapshot_classes=codes[good],
        snapshot_temperatures=place[good],
        unique_classes=codes[rows],
        rdf_grid=chart.basis.points,
        rdf=unique.read("rdf"),
        cvs=_three_columns(cvs),
        family_ids=points.read("family")[rows],
        energies=quenched.read("energy")[rows],
        families=families,
        class_fractions=fractions["class"],
        class_errors=errors["class"],
        family_fractions=fractions["family"],
        family_errors=errors["family"],
        temperature_counts=np.bincount(place[good], minlength=len(ladder)),
        n_failed=int((~good).sum()),
        swaps_attempted=exchange.attempted,
        swaps_accepted=exchange.accepted,
        species_swaps_attempted=attempted,
        species_swaps_accepted=accepted,
        time_per_replica_ns=times["total"],
        burn_in_ns=times["burn_in"],
        snapshot_interval_ps=times["interval_ps"],
        loss=loss,
        bandwidth=chart.families.bandwidth,
        scan=chart.families.scan,
        tree=family_tree(relief_of(chart.families, cvs)),
        layers=layers_of(chart.model, chart.model.n_bins),
        n_cvs=cvs.shape[1],
        heat=heat,
        heat_curve=None if heat is None else _heat_curve(run, ladder),
        dimensions=read_dimensions(run.folder),
        reasons={} if heat is not None else {"heat-capacity": _NO_HEAT},
        cautions=_cautions(
            run, times, exchange, loss, points.read("inside")[good], errors["class"]
        ),
        provenance=provenance(run.file),
        timings=tuple(
            StageTiming(name, record.seconds, record.peak_memory or None)
            for name, record in run.records().items()
        ),
    )


def _species_swaps(run: Run) -> tuple[NDArray[np.int64] | None, NDArray[np.int64] | None]:
    """Return how many unlike atoms of an alloy were to change places at each temperature, and did.

    None where there are none, or where a run does not know.
    """
    attributes = run.landscape["snapshots"].attributes
    if not is_alloy(run.file.system.species) or "species_attempts" not in attributes:
        return None, None
    return np.asarray(attributes["species_attempts"]), np.asarray(attributes["species_accepts"])


def family_rows(
    chart: Chart,
    codes: NDArray[Any],
    rows: NDArray[Any],
    family: NDArray[Any],
    energies: NDArray[Any],
) -> tuple[FamilyRow, ...]:
    """Return the families with what was counted of each."""
    assert chart.families is not None
    found = []
    for one in chart.families:
        members = rows[family[rows] == one.id]
        if members.size == 0:
            continue
        found.append(
            FamilyRow(
                id=one.id,
                n_unique=len(members),
                n_snapshots=int((family == one.id).sum()),
                centre=_three_columns(np.asarray(one.centre)[None])[0],
                composition=np.bincount(codes[members], minlength=len(CLASS_NAMES)),
                lowest_energy=float(energies[members].min()),
                # Until words are found, a family's name is but its number again.
                name=one.name if one.words else "",
                words=one.words,
                macro_family=one.macro_family,
                stability=one.stability,
                major=one.size >= chart.families.minimum_size,
            )
        )
    return tuple(found)


def _heat(run: Run, ladder: NDArray[np.float64]) -> HeatCapacity | None:
    """Return the heat capacity, if the energies of the snapshots were kept."""
    snapshots = run.landscape["snapshots"]
    energies = snapshots.read("energy")
    if not np.isfinite(energies).any():
        return None
    places = snapshots.read("temperature_index")  # rows are written cycle by cycle: in time
    return heat_capacity(energies, places, ladder, run.file.system.n_atoms)


def _heat_curve(run: Run, ladder: NDArray[np.float64]) -> HeatCapacity | None:
    """Return the heat capacity between the temperatures, where those overlap."""
    energies = run.landscape["snapshots"].read("energy").reshape(-1, len(ladder))
    if len(ladder) < 2 or len(energies) < 2:
        return None
    try:
        found = thermodynamics(
            energies, ladder, run.file.system.n_atoms, n_samples=_FEW_SAMPLES
        ).heat_capacity
    except NanochartError:
        return None  # the swaps' figure says that the ladder has gaps
    return HeatCapacity(found.temperatures, found.values, found.errors)


def relief_of(families: Families, cvs: NDArray[Any]) -> Relief:
    """Return the peaks and saddles of the density of a chart's points, (n_structures, n_cvs).

    The points of minor families, too small for a density, go with the nearest major one.
    """
    points = cvs.astype(np.float64)
    large = replace(families, members=families.major or families.members)
    return relief(points, large.nearest(points), families.bandwidth, n_families=len(large))


def _columns(ids: list[int], family: NDArray[Any]) -> NDArray[np.int64]:
    """Return each snapshot's place in the list of families, −1 for none."""
    place = np.full(max([*ids, int(family.max(initial=0))]) + 2, -1)
    place[ids] = np.arange(len(ids))
    return np.asarray(place[family])  # the last entry of place serves −1


def _fractions(
    column: NDArray[Any],
    n_columns: int,
    place: NDArray[Any],
    n_temperatures: int,
    counted: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the share of each column among the counted snapshots of each temperature."""
    table = np.zeros((n_temperatures, n_columns))
    used = counted & (column >= 0)
    np.add.at(table, (place[used], column[used]), 1.0)
    totals = np.bincount(place[counted], minlength=n_temperatures)
    return table / np.maximum(totals, 1)[:, None]


def _three_columns(cvs: NDArray[Any]) -> NDArray[Any]:
    """Return CVs with columns of zeros for dimensions a flatter chart has not."""
    return np.pad(cvs, ((0, 0), (0, 3 - cvs.shape[1])))


def _times(run: Run) -> dict[str, float]:
    """Return the simulated times: total and burn-in (ns a replica), snapshot interval (ps)."""
    sampling = run.file.sampling
    cycle = sampling.steps_per_cycle * sampling.timestep * 1e-3  # ps
    return {
        "total": (sampling.burn_in + sampling.cycles) * cycle * 1e-3,
        "burn_in": sampling.burn_in * cycle * 1e-3,
        "interval_ps": cycle,
    }


def _loss(run: Run) -> LossHistory:
    summary = json.loads(training_summary_path(run).read_text(encoding="utf-8"))
    history = summary["history"]
    return LossHistory(
        train=np.array(history["train_loss"]),
        validation=np.array(history["validation_loss"]),
        best_epoch=summary["best_epoch"] + 1,
        n_training=summary["n_training"],
        n_validation=summary["n_validation"],
        r2=summary["validation_r2"],
        pca_mse=summary["pca_loss"],
        pca_r2=summary["pca_r2"],
        halvings=tuple(e for e in run.file.training.halve_at if e < run.file.training.epochs),
    )


def _cautions(
    run: Run,
    times: dict[str, float],
    exchange: Exchange,
    loss: LossHistory,
    inside: NDArray[Any],
    class_errors: NDArray[Any],
) -> tuple[str, ...]:
    """Return what this run is too short, or too small, to show."""
    cautions = []
    kept = times["total"] - times["burn_in"]
    if kept < 0.5 * _PAPER_TIME:
        cautions.append(
            f"This run sampled {kept:.3g} ns a replica after the burn-in; the paper's sampled "
            f"{_PAPER_TIME / 1000:g} µs or more. It is not in equilibrium: populations, "
            "compositions and everything against temperature show the starts and the first "
            "relaxation, not thermodynamics."
        )
    if exchange.caution is not None:
        cautions.append(f"{exchange.caution[0].upper()}{exchange.caution[1:]}.")
    worst = float(class_errors.max(initial=0.0))
    if worst > 0.1:
        cautions.append(
            f"Between the first and the second half of the run, the share of a class differs by "
            f"up to {100 * worst:.0f} percentage points at some temperature."
        )
    if run.file.sampling.starts == "motifs":
        cautions.append(
            "The replicas started from different motifs in turn, so that a short run sees many "
            "structures; cold replicas keep the motif they started from."
        )
    if is_alloy(run.file.system.species):
        cautions.append(
            "The chart is learned from all distances, whatever the elements: structures of one "
            "shape that differ in which element sits where lie close together on it, and may be "
            "one family."
        )
    if run.file.training.epochs < 100:
        cautions.append(
            f"The network was trained for {run.file.training.epochs} epochs; the paper's needed "
            "about 100 to settle, on tens of thousands of structures."
        )
    if loss.r2 is not None and loss.pca_r2 is not None and loss.r2 < loss.pca_r2:
        cautions.append(
            "Linear PCA with as many components reconstructs the held-out structures better than "
            "this network: it has seen too few structures or too few steps. Trust the order of "
            "the chart, not its details."
        )
    outside = int((inside == 0).sum())
    if outside:
        cautions.append(
            f"{outside:,} of {len(inside):,} snapshots lie outside the chart's own domain; they "
            "are counted in the family of the nearest centre."
        )
    return tuple(cautions)
