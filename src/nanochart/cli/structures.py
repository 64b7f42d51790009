"""Verbs of structures: quench them, say what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from nanochart.cli.options import (
    SHOWN,
    Files,
    Json,
    Scheduler,
    SkipBad,
    Species,
    Walltime,
    app,
    is_run,
    print_summary,
    refuse_options,
    resumable,
    tell_skipped,
)
from nanochart.cli.stages import do_stages
from nanochart.errors import NanochartError
from nanochart.terminal import print_table, progress_of

#: Where `nanochart --help` lists these verbs.
PANEL = "Structures"


@app.command(rich_help_panel=PANEL)
def quench(
    files: Files,
    output: Annotated[Path, typer.Option("--output", "-o", help="extended XYZ to write")] = Path(
        "quenched.extxyz"
    ),
    potential: Annotated[str | None, typer.Option(help="RGL set; default: the element's")] = None,
    force_tolerance: Annotated[
        float | None,
        typer.Option(min=1e-9, help="largest force component, eV/Å; default: 1e-5 for RGL"),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="processes; 0: all cores")] = 0,
    scheduler: Scheduler = None,
    walltime: Walltime = None,
    species: Species = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Bring structures to their local minima; of a run folder, do its quench stage.

    Example: `nanochart quench trajectory.xyz -o minima.extxyz`
    """
    if is_run(files):
        refuse_options(potential, species, skip_bad, force_tolerance is not None)
        do_stages(
            files[0] / "run.toml",
            files[0],
            until="quench",
            as_json=as_json,
            scheduler=scheduler,
            walltime=walltime,
        )
        return
    if walltime is not None:
        raise NanochartError("--walltime is for run folders: files are quenched in one go")
    from nanochart.workflow.single import quench_files

    with progress_of("quench") as progress:
        result = quench_files(
            files,
            output,
            potential=potential,
            force_tolerance=force_tolerance,
            n_workers=workers,
            scheduler=scheduler,
            species=species,
            skip_bad=skip_bad,
            progress=progress,
        )
    print_summary(result, as_json)


@app.command(rich_help_panel=PANEL)
def seeds(
    species: Annotated[str, typer.Argument(help="chemical symbol, or an alloy's formula: Ag32Cu6")],
    n_atoms: Annotated[
        int | None, typer.Argument(min=4, help="atoms of the cluster; a formula says it")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="folder; by default Au147-seeds")
    ] = None,
    steps: Annotated[
        int, typer.Option(min=1, help="hops of every walk; raise it later and they go on")
    ] = 1000,
    walks: Annotated[int, typer.Option(min=1, help="walks from every motif")] = 1,
    temperature: Annotated[float, typer.Option(help="of the Metropolis rule, K")] = 1500.0,
    seed: Annotated[int, typer.Option(min=0, help="of everything random")] = 0,
    potential: Annotated[str | None, typer.Option(help="RGL set; default: the species'")] = None,
    workers: Annotated[int, typer.Option(min=0, help="processes; 0: all cores")] = 0,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Search low minima by basin hopping from every motif: the lowest of each class.

    Killed or stopped, the same command goes on from the last round, to the same bits whatever the
    number of workers.

    Examples: `nanochart seeds Au 147 --steps 2000`, `nanochart seeds Ag32Cu6`
    """
    from nanochart.composition import cluster_name, named_cluster
    from nanochart.sampling.basin_hopping import HoppingSettings
    from nanochart.workflow.minima import find_minima

    species, n_atoms = named_cluster(species, n_atoms)
    with resumable("seeds") as progress:
        result = find_minima(
            species,
            n_atoms,
            output or Path(f"{cluster_name(species, n_atoms)}-seeds"),
            potential=potential,
            n_steps=steps,
            n_walks=walks,
            settings=HoppingSettings(temperature=temperature, seed=seed),
            n_workers=workers,
            scheduler=scheduler,
            progress=progress,
        )
    if as_json:
        print(json.dumps(result))
        return
    rows = [
        (one["class"], f"{one['energy']:.4f}", f"{one['above_lowest']:.4f}", one["from"])
        for one in result["minima"]
    ]
    title = f"{result['system']}, {result['walks']} walks of {result['steps']:,} hops"
    print_table(title, ("class", "energy / eV", "above the lowest", "from"), rows)


@app.command(rich_help_panel=PANEL)
def classify(
    files: Files,
    cutoff: Annotated[
        str | None,
        typer.Option(help="neighbour cut-off, Å, or 'adaptive'; default: from the metal's r0"),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="write everything measured here, a row a structure")
    ] = None,
    extxyz: Annotated[
        Path | None, typer.Option(help="write the structures with their atoms' environments here")
    ] = None,
    potential: Annotated[
        str | None, typer.Option(help="RGL set of the energies; default: the element's")
    ] = None,
    species: Species = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Say in words what quenched structures are: class, planes, axes, defects.

    Classes are Dh, Ih, Twin, Fcc, Mix and Amorphous; names such as "2:1 fcc with one hcp plane"
    follow from what was measured. `--extxyz` is for OVITO and ASE. Of a run folder, the unique
    minima are described, after the stages that are still to be done for them.

    Example: `nanochart classify minima.extxyz --csv words.csv`
    """
    from nanochart.landscape import open_landscape
    from nanochart.workflow.classify import Classifier, classify_files

    if is_run(files) and "unique" not in open_landscape(files[0]):
        do_stages(files[0] / "run.toml", files[0], until="unique", show=False)
    with progress_of("classify") as progress:
        classifier = Classifier(
            files,
            cutoff=_cutoff(cutoff),
            potential=potential,
            species=species,
            skip_bad=skip_bad,
            progress=progress,
        )
        result = classify_files(
            classifier, table=csv, extxyz=extxyz, keep=None if as_json else SHOWN
        )
    if as_json:
        print(json.dumps(result))
        return
    _print_classification(result)


def _cutoff(text: str | None) -> float | str | None:
    """Return a cut-off as the library takes it: a number, or the name of a way to find one."""
    try:
        return float(text) if text is not None else None
    except ValueError:
        return text


def _print_classification(result: dict[str, Any]) -> None:
    """Print what ``classify`` found: the first structures, and the composition of all."""
    shown, total = result["structures"], result["total"]
    print_table(
        "structures" if len(shown) == total else f"the first {len(shown)} of {total} structures",
        ("file", "frame", "class", "name", "energy / eV"),
        [
            (
                one["file"],
                one["frame"],
                one["class"],
                one["name"],
                "" if one["energy"] is None else f"{one['energy']:.4f}",
            )
            for one in shown
        ],
    )
    if len(shown) == 1:
        print(shown[0]["sentence"])
    for title, counts in (("class", result["composition"]), ("name", result["names"])):
        most = list(counts.items())[:SHOWN]
        print_table(
            "composition" if len(most) == len(counts) else f"the commonest of {len(counts)} names",
            (title, "structures", "%"),
            [(name, n, f"{100 * n / total:.1f}") for name, n in most],
        )
    tell_skipped(result["skipped"])
