"""One stage at a time, on files instead of a run folder: what the single verbs do."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.formats import Block, write_csv, write_extxyz
from nanochart.parallel import available_cores, workers
from nanochart.progress import Progress
from nanochart.sampling.quench import Minima, QuenchSettings, quench
from nanochart.workflow.source import Source, check_output

if TYPE_CHECKING:
    from nanochart.chart.chart import Chart


def quench_files(
    files: Sequence[Path],
    output: Path,
    *,
    potential: str | None,
    force_tolerance: float,
    n_workers: int,
    species: str | None,
    skip_bad: bool,
    progress: Progress,
    scheduler: str | None = None,
) -> dict[str, Any]:
    """Quench every structure of some files into an extended XYZ file."""
    check_output(output)
    source = Source(files, species=species, n_atoms=None, skip_bad=skip_bad)
    settings = QuenchSettings(force_tolerance=force_tolerance)
    done = failed = 0
    symbol = ""

    def minima(blocks: Iterator[tuple[Path, Block]], executor: Any) -> Iterator[Any]:
        nonlocal done, failed
        for path, block in blocks:
            found = quench(
                block.positions,
                potential=potential,
                species=block.species,
                settings=settings,
                executor=executor,
            )
            yield from _frames(found, path, block)
            done += len(block.frames)
            failed += int((~found.converged).sum())
            progress(done, 0, failed=failed)

    with workers(n_workers, scheduler=scheduler) as executor:
        blocks = iter(source)
        first = next(blocks, None)
        if first is None:
            raise NanochartError(f"{files[0]}: holds no usable structure")
        symbol = first[1].species
        write_extxyz(output, minima(_chain(first, blocks), executor), symbol)
    return {"quenched": done, "failed": failed, "skipped": source.skipped, "output": str(output)}


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _frames(
    minima: Minima, path: Path, block: Block
) -> Iterator[tuple[NDArray[np.float64], Mapping[str, Any]]]:
    """Yield the minima of a block with what is written beside each."""
    for i, frame in enumerate(block.frames):
        yield (
            minima.positions[i],
            {
                "energy": float(minima.energies[i]),
                "max_force": float(minima.max_forces[i]),
                "converged": bool(minima.converged[i]),
                "source": path.name,
                "frame": int(frame),
            },
        )


def train_files(
    files: Sequence[Path],
    output: Path,
    *,
    network: str,
    epochs: int,
    batch_size: int,
    seed: int,
    keep_duplicates: bool,
    device: str,
    log: Path | None,
    tensorboard: Path | None,
    species: str | None,
    skip_bad: bool,
    progress: Progress,
) -> dict[str, Any]:
    """Train a chart on the structures of some files, each minimum once."""
    from nanochart.chart.chart import train
    from nanochart.chart.training import TrainingSettings
    from nanochart.descriptor.rdf import PAPER_GRID, RadialBasis, rdf_of_positions
    from nanochart.structure.duplicates import unique_by_rdf

    for path in (output, log):
        if path is not None:
            check_output(path)
    source = Source(files, species=species, n_atoms=None, skip_bad=skip_bad)
    positions, symbol = source.all_positions()
    n_structures = len(positions)
    if not keep_duplicates:
        # No energies are asked of a file: the same minimum has the same RDF.
        rdf = rdf_of_positions(positions, RadialBasis(), threads=available_cores())
        positions = positions[unique_by_rdf(rdf, step=PAPER_GRID.step)[0]]
    checkpoint = output.with_name(output.name + ".checkpoint")
    chart = train(
        positions,
        species=symbol,
        settings=TrainingSettings.of(network, epochs=epochs, batch_size=batch_size, seed=seed),
        checkpoint=checkpoint,
        log=log,
        tensorboard=tensorboard,
        progress=progress,
        device=device,
    )
    chart.save(output)
    checkpoint.unlink(missing_ok=True)
    return {
        "structures": n_structures,
        "trained_on": len(positions),
        "families": len(chart.families or ()),
        "skipped": source.skipped,
        "output": str(output),
    }


def families_of(
    chart_path: Path,
    files: Sequence[Path],
    *,
    bandwidth: float | None,
    output: Path | None,
    species: str | None,
    skip_bad: bool,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Return a chart's families, found anew if structures are given."""
    from nanochart.chart.chart import load_chart
    from nanochart.chart.families import find_families
    from nanochart.structure.family_words import describe_families

    chart = load_chart(chart_path)
    if files:
        if output is None:
            raise NanochartError("families found anew need a chart to go into: give --output")
        check_output(output)
        source = Source(files, species=species, n_atoms=chart.n_atoms, skip_bad=skip_bad)
        positions, symbol = source.all_positions()
        families, labels = find_families(
            chart.transform(positions), bandwidth=bandwidth, progress=progress
        )
        words = describe_families(positions, labels, species=symbol, threads=available_cores())
        chart = chart.with_families(families.told(words))
        chart.save(output)
    elif bandwidth is not None or output is not None:
        raise NanochartError("new families need the structures to group: give them, too")
    return [
        {
            "id": one.id,
            "size": one.size,
            "stability": one.stability,
            "centre": list(one.centre),
            "name": one.name,
            "macro_family": one.macro_family,
            "agreement": one.agreement,
            "words": one.words,
        }
        for one in chart.families or ()
    ]


def project_files(
    chart_path: Path,
    files: Sequence[Path],
    output: Path,
    *,
    quench_first: bool,
    potential: str | None,
    n_workers: int,
    species: str | None,
    skip_bad: bool,
    progress: Progress,
) -> dict[str, Any]:
    """Write the chart coordinates of every structure of some files as CSV."""
    from nanochart.chart.chart import load_chart

    check_output(output)
    chart = load_chart(chart_path)
    source = Source(
        files, species=species or chart.species, n_atoms=chart.n_atoms, skip_bad=skip_bad
    )
    counts = {"structures": 0, "outside": 0, "failed quenches": 0}
    place = (f"cv{i + 1}" for i in range(chart.model.n_cvs))
    header = ("file", "frame", *place, "family", "inside", "error", "converged")
    with contextlib.ExitStack() as stack:
        minima_of = None
        if quench_first:
            minima_of = functools.partial(
                quench,
                # The landscape that the chart is of, if it is known.
                potential=potential or chart.provenance.get("potential"),
                species=chart.species,
                executor=stack.enter_context(workers(n_workers)),
            )
        write_csv(output, header, _projected(chart, source, minima_of, counts, progress))
    return {**counts, "skipped": source.skipped, "output": str(output)}


def _projected(
    chart: Chart,
    source: Source,
    minima_of: Callable[[NDArray[np.float64]], Minima] | None,
    counts: dict[str, int],
    progress: Progress,
) -> Iterator[tuple[Any, ...]]:
    """Yield a row of the table for each structure."""
    for path, block in source:
        positions, converged = block.positions, np.ones(len(block.frames), dtype=bool)
        if minima_of is not None:
            minima = minima_of(positions)
            positions, converged = minima.positions, minima.converged
        points = chart.evaluate(positions)
        # What was not quenched is no minimum: it has a place, but no family.
        families = np.where(converged, points.families, -1)
        for i, frame in enumerate(block.frames):
            place = (f"{value:.6g}" for value in points.cvs[i])
            judged = (families[i], int(points.inside[i]), f"{points.errors[i]:.6g}")
            yield (path, frame, *place, *judged, int(converged[i]))
        counts["structures"] += len(block.frames)
        counts["outside"] += int((~points.inside).sum())
        counts["failed quenches"] += int((~converged).sum())
        progress(counts["structures"], 0)
