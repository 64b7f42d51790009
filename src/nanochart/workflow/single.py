"""One stage at a time, on files instead of a run folder: what the single verbs do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.formats import Block, in_formula_order, write_extxyz
from nanochart.parallel import available_cores, workers
from nanochart.progress import Progress
from nanochart.sampling.quench import Minima, QuenchSettings, quench
from nanochart.workflow.source import Source, check_output


def quench_files(
    files: Sequence[Path],
    output: Path,
    *,
    potential: str | None,
    force_tolerance: float | None,
    n_workers: int,
    species: str | None,
    skip_bad: bool,
    progress: Progress,
    scheduler: str | None = None,
) -> dict[str, Any]:
    """Quench every structure of some files into an extended XYZ file."""
    check_output(output)
    source = Source(files, species=species, n_atoms=None, skip_bad=skip_bad, alloys=True)
    settings = QuenchSettings(force_tolerance=force_tolerance)
    done = failed = 0

    def minima(blocks: Iterator[tuple[Path, Block]], executor: Any) -> Iterator[Any]:
        nonlocal done, failed
        for path, block in blocks:
            block = in_formula_order(block)
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
        symbols = in_formula_order(first[1]).symbols
        write_extxyz(output, minima(_chain(first, blocks), executor), symbols)
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
    from nanochart.chart.making import train
    from nanochart.chart.training import TrainingSettings
    from nanochart.descriptor.rdf import PAPER_GRID, RadialBasis, rdf_of_positions
    from nanochart.structure.duplicates import unique_by_rdf

    for path in (output, log):
        if path is not None:
            check_output(path)
    source = Source(files, species=species, n_atoms=None, skip_bad=skip_bad, alloys=True)
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
        source = Source(
            files, species=species, n_atoms=chart.n_atoms, skip_bad=skip_bad, alloys=True
        )
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
