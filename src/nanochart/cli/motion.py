"""Verbs of clusters that move: MD, and trajectories on a chart."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nanochart.cli.options import Json, SkipBad, Species, app, print_summary
from nanochart.errors import NanochartError
from nanochart.terminal import progress_of, say

#: Where `nanochart --help` lists these verbs.
PANEL = "Motion"


@app.command(rich_help_panel=PANEL)
def project(
    chart: Annotated[Path, typer.Argument(help="chart, or run folder")],
    files: Annotated[
        list[Path],
        typer.Argument(
            help="trajectories: LAMMPS dump, xyz (also .gz, .zst), DCD, XTC, netCDF, H5MD, .traj, "
            "whatever ASE reads, landscapes, run folders"
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="table to write: .csv, .parquet or .zarr")
    ] = Path("projection.csv"),
    first: Annotated[int, typer.Option(min=0, help="first frame, from 0")] = 0,
    last: Annotated[int | None, typer.Option(min=0, help="last frame; default: the end")] = None,
    every: Annotated[int, typer.Option(min=1, help="take each so many-th frame")] = 1,
    select: Annotated[
        str | None,
        typer.Option(help="atoms of the cluster: elements, types, places: Au or 1,2 or 0:147"),
    ] = None,
    types: Annotated[
        str | None, typer.Option(help="elements of a file that holds types: 1=Au,2=C")
    ] = None,
    largest: Annotated[
        bool, typer.Option("--largest", help="take what hangs together with most atoms")
    ] = False,
    clusters: Annotated[
        bool, typer.Option("--clusters", help="a row for each cluster of the chart's size")
    ] = False,
    no_cell: Annotated[
        bool, typer.Option("--no-cell", help="ignore the file's cells: nothing is periodic")
    ] = False,
    quench: Annotated[
        bool | None,
        typer.Option("--quench/--no-quench", help="quench first; default: if frames are hot"),
    ] = None,
    potential: Annotated[str | None, typer.Option(help="RGL set; default: the chart's")] = None,
    frame_time: Annotated[
        float | None, typer.Option(help="ps between frames, instead of what a file says")
    ] = None,
    timestep: Annotated[
        float | None, typer.Option(help="fs: makes the steps of a LAMMPS dump into times")
    ] = None,
    error: Annotated[
        bool, typer.Option("--error/--no-error", help="reconstruct; without, twice as fast")
    ] = True,
    words: Annotated[bool, typer.Option("--words", help="say what each is, in words")] = False,
    in_order: Annotated[
        bool, typer.Option("--in-order", help="leave out frames not later than all before")
    ] = False,
    workers: Annotated[int, typer.Option(min=0, help="threads, or quenching processes")] = 0,
    scheduler: Annotated[
        str | None, typer.Option(help="quench on a Dask cluster: tcp://host:8786")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="begin anew, whatever the output holds")
    ] = False,
    species: Species = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Put trajectories of any length on a chart: CVs, family, class, energy, time.

    A chart of minima wants minima: frames of hot MD are quenched first, and what was assumed is
    told. A projection that was stopped, or whose trajectory has grown, goes on by the same
    command. See docs/trajectories.md.

    Example: `nanochart project au147 md.dcd -o path.csv`
    """
    from nanochart.trajectories.selection import CLUSTERS, EVERY_ATOM, LARGEST
    from nanochart.workflow.project import project_files
    from nanochart.workflow.projection_reading import ProjectionSettings

    if largest and clusters:
        raise NanochartError("--largest and --clusters: give one of them")
    settings = ProjectionSettings(
        first=first,
        last=last,
        every=every,
        select=select,
        types=types,
        pieces=LARGEST if largest else CLUSTERS if clusters else EVERY_ATOM,
        use_cells=not no_cell,
        species=species,
        quench=quench,
        potential=potential,
        frame_time=frame_time,
        timestep=timestep,
        errors=error,
        words=words,
        in_order=in_order,
        skip_bad=skip_bad,
    )
    path = chart / "chart.safetensors" if chart.is_dir() else chart
    try:
        with progress_of("project") as progress:
            result = project_files(
                path,
                files,
                output,
                settings=settings,
                n_workers=workers,
                scheduler=scheduler,
                overwrite=overwrite,
                progress=progress,
                tell=say,
            )
    except KeyboardInterrupt:
        say("nanochart: stopped; the same command goes on from the last commit")
        raise typer.Exit(130) from None
    print_summary(result, as_json)


@app.command(rich_help_panel=PANEL)
def md(
    start: Annotated[
        str,
        typer.Argument(
            help="structure file ASE reads, or a motif: ih, dh, fcc, twin, hcp (a file of that "
            "name: ./ih)"
        ),
    ],
    temperature: Annotated[float, typer.Option(help="of the bath and the first velocities, K")],
    duration: Annotated[float, typer.Option("--time", help="of the whole trajectory, ns")],
    output: Annotated[Path, typer.Option("--output", "-o", help="DCD to write")] = Path("md.dcd"),
    species: Annotated[str | None, typer.Option(help="element of a motif, or of a file")] = None,
    n_atoms: Annotated[int | None, typer.Option(help="size of a motif, or of a file")] = None,
    frame: Annotated[int, typer.Option(min=0, help="which of a file's frames, from 0")] = 0,
    potential: Annotated[str | None, typer.Option(help="RGL set; default: the element's")] = None,
    interval: Annotated[float, typer.Option(help="between frames, ps")] = 1.0,
    timestep: Annotated[float, typer.Option(help="fs")] = 5.0,
    damping: Annotated[
        float, typer.Option(help="Langevin damping time, ps: transition times depend on it")
    ] = 10.0,
    nve: Annotated[
        bool, typer.Option("--nve", help="constant energy, no bath: a minimum keeps half the heat")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="of velocities and random forces")] = 0,
    block: Annotated[
        int, typer.Option(min=1, help="frames committed together: the most a kill costs")
    ] = 1000,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="begin anew, whatever the output holds")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run unbiased MD of one cluster: what it does by itself, over long times.

    Langevin dynamics of all momenta; frames are centred, not turned. How often structures change
    depends on the friction: state `--damping` with any such time. Energies and temperatures go to
    `OUTPUT.csv`; with `OUTPUT.json` the same command goes on after a kill, to the same bits, and
    with a longer `--time` it goes on from the end.

    Example: `nanochart md ih --species Au --n-atoms 147 --temperature 396 --time 2000 -o au147.dcd`
    """
    from nanochart.dynamics.md import MdSettings
    from nanochart.workflow.md import run_md, whole_number

    settings = MdSettings(
        temperature=temperature,
        steps_per_frame=whole_number(interval * 1e3, timestep, "--interval", "--timestep"),
        timestep=timestep,
        damping=None if nve else damping,
        seed=seed,
        block=block,
    )
    n_frames = whole_number(duration * 1e3, interval, "--time", "--interval")
    try:
        with progress_of("md") as progress:
            result = run_md(
                start,
                output,
                settings=settings,
                n_frames=n_frames,
                species=species,
                n_atoms=n_atoms,
                frame=frame,
                potential=potential,
                overwrite=overwrite,
                progress=progress,
            )
    except KeyboardInterrupt:
        say("nanochart: stopped; the same command goes on from the last commit")
        raise typer.Exit(130) from None
    print_summary(result, as_json)
