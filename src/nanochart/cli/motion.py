"""Verbs of clusters that move: MD, biased MD and what it tells, and trajectories on a chart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from nanochart.cli.options import SHOWN, Json, SkipBad, Species, app, print_summary, resumable
from nanochart.errors import NanochartError
from nanochart.terminal import print_table, say

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
    encoder: Annotated[
        str, typer.Option(help="the chart's own (trained), or the one it was distilled into")
    ] = "trained",
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
    from nanochart.chart.gradient import EncoderName
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
        encoder=cast(EncoderName, encoder),
    )
    path = chart / "chart.safetensors" if chart.is_dir() else chart
    with resumable("project") as progress:
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
    print_summary(result, as_json)


@app.command(rich_help_panel=PANEL)
def md(
    start: Annotated[
        str,
        typer.Argument(
            help="structure file ASE reads, run folder, or a motif: ih, dh, fcc, twin, hcp (a file "
            "of that name: ./ih)"
        ),
    ],
    temperature: Annotated[float, typer.Option(help="of the bath and the first velocities, K")],
    duration: Annotated[float, typer.Option("--time", help="of the whole trajectory, ns")],
    output: Annotated[Path, typer.Option("--output", "-o", help="DCD to write")] = Path("md.dcd"),
    species: Annotated[
        str | None, typer.Option(help="element of a motif, or of a file; or a formula, Ag32Cu6")
    ] = None,
    n_atoms: Annotated[int | None, typer.Option(help="size of a motif, or of a file")] = None,
    frame: Annotated[
        int | None, typer.Option(min=0, help="of a file, or snapshot of a run, from 0; default: 0")
    ] = None,
    family: Annotated[
        int | None, typer.Option(min=0, help="of a run: begin at its representative")
    ] = None,
    potential: Annotated[
        str | None,
        typer.Option(
            help="RGL set, run file or folder, or the ASE calculator of a run folder; default: the "
            "species'"
        ),
    ] = None,
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
    chart: Annotated[
        Path | None,
        typer.Option(help="put frames on it while it runs: OUTPUT.cvs.csv; a file, name or run"),
    ] = None,
    chart_every: Annotated[
        int, typer.Option(min=1, help="frames from one that goes on the chart to the next")
    ] = 10,
    as_json: Json = False,
) -> None:
    """Run unbiased MD of one cluster: what it does by itself, over long times.

    It begins at a motif, at any frame of a structure file (`--frame`), or at a run folder: there
    `--frame` counts the snapshots, and `--family` takes the structure nearest to a family's centre.

    The atoms of an alloy are sorted by element, as its formula has them, and so they are in the DCD
    file, which knows no elements. A run folder whose potential is an ASE calculator is code from
    whoever made it: `--potential module:name` must name it.

    Langevin dynamics of all momenta; frames are centred, not turned. How often structures change
    depends on the friction: state `--damping` with any such time. Energies and temperatures go to
    `OUTPUT.csv`; with `OUTPUT.json` the same command goes on after a kill, to the same bits, and
    with a longer `--time` it goes on from the end.

    With `--chart` the CVs, family and domain of every tenth frame (`--chart-every`) go to
    `OUTPUT.cvs.csv` whenever a `--block` is done, as `nanochart project` writes them. A chart of
    minima has each of these frames quenched: some 5 ms for 147 atoms, half a ps of MD. A thermal
    one takes them hot. `nanochart transitions` reads the table.

    Examples: `nanochart md ih --species Au --n-atoms 147 --temperature 396 --time 2000 -o
    au147.dcd --chart au147`, `nanochart md au147 --family 8 --temperature 396 --time 100`
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
    with resumable("md") as progress:
        result = run_md(
            start,
            output,
            settings=settings,
            n_frames=n_frames,
            species=species,
            n_atoms=n_atoms,
            frame=frame,
            family=family,
            potential=potential,
            overwrite=overwrite,
            chart=chart,
            every=chart_every,
            progress=progress,
        )
    print_summary(result, as_json)


@app.command(rich_help_panel=PANEL)
def transitions(
    tables: Annotated[
        list[Path],
        typer.Argument(help="tables of `nanochart project` or of `nanochart md --chart`"),
    ],
    chart: Annotated[
        Path | None,
        typer.Option(help="that they were projected on, or its run folder: names, macro-families"),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="folder to write into")] = Path(
        "transitions"
    ),
    dwell: Annotated[
        float, typer.Option(help="ps around a frame over which most must be of its state")
    ] = 100.0,
    share: Annotated[float, typer.Option(help="of those frames, that it takes")] = 0.5,
    core_radius: Annotated[
        float | None, typer.Option(help="farthest from the family's centre, in units of the CVs")
    ] = None,
    commit: Annotated[
        float, typer.Option(help="ps without return after which a transition is committed")
    ] = 1000.0,
    average: Annotated[
        float | None,
        typer.Option(
            help="window of running averages, ps; default: --dwell, in figures a hundredth"
        ),
    ] = None,
    frame_time: Annotated[
        float | None, typer.Option(help="ps between frames, if a table has no times")
    ] = None,
    lag: Annotated[
        float | None, typer.Option(help="of the Markov model, ps; default: the shortest that does")
    ] = None,
    formats: Annotated[
        str,
        typer.Option("--format", help="of figures: pdf, svg, png, with commas; none: no figure"),
    ] = "png",
    as_json: Json = False,
) -> None:
    """Tell transitions between families, and where a trajectory stays in between.

    With hysteresis: a state is entered where most frames around are of it, and left only when
    another is entered. States are families, macro-families (with `--chart`) and classes (if the
    table has them). Several trajectories count as one sample. The folder gets tables, figures and
    `transitions.json`.

    Example: `nanochart transitions path.csv --chart au147 -o path`
    """
    from nanochart.dynamics.residence import CoreSettings
    from nanochart.workflow.transitions import write_transitions

    wanted = [word.strip() for word in formats.split(",") if word.strip() not in ("", "none")]
    result = write_transitions(
        tables,
        output,
        chart_path=chart,
        settings=CoreSettings(dwell=dwell, share=share, radius=core_radius),
        commit=commit,
        average=average,
        frame_time=frame_time,
        lag=lag,
        formats=wanted,
    )
    if as_json:
        print(json.dumps(result))
        return
    print_transitions(result)


def print_transitions(result: dict[str, Any]) -> None:
    """Print the states and transitions of the coarsest level but classes, and where the rest is."""
    levels = result["levels"]
    name = "macro-family" if "macro-family" in levels else next(iter(levels))
    level = levels[name]
    rows = []
    for one in level["states"]:
        mean, lower, upper = (
            "" if one[key] is None else f"{one[key] / 1000:.4g}"
            for key in ("mean_residence_ps", "lower_ps", "upper_ps")
        )
        interval = f"{lower} to {upper}" if upper else f"{lower} or more"
        time = f"{one['time_ps'] / 1000:.4g}"
        rows.append((one["name"], time, one["visits"], one["exits"], mean, interval))
    header = ("state", "time / ns", "visits", "exits", "mean stay / ns", "95 % interval")
    print_table(f"states ({name})", header, rows)
    found = level["transitions"]
    rows = [
        (
            Path(one["trajectory"]).name,
            f"{one['reached_ps'] / 1000:.4g}",
            f"{one['reached_ps'] - one['left_ps']:.4g}",
            f"{one['from']} -> {one['to']}",
            " ".join(map(str, one["path"])),
            one["outcome"],
        )
        for one in found[:SHOWN]
    ]
    if not found:
        longest = max(one["ns"] for one in result["trajectories"])
        say(f"no transition between states ({name}) in {longest:g} ns")
        say(f"tables and figures of all levels: {result['output']}")
        return
    header = ("trajectory", "at / ns", "took / ps", "transition", "families on the way", "outcome")
    print_table(f"{len(found)} transitions", header, rows)
    if len(found) > SHOWN:
        say(f"the first {SHOWN} of {len(found)}; all are in {result['output']}/transitions.csv")
    markov = level["markov"]
    if "reason" in markov:
        say(markov["reason"])
    else:
        slowest = [f"{t / 1000:.4g}" for t in markov["implied_timescales"][0]["timescales_ps"] if t]
        say(
            f"Markov model at a lag of {markov['lag_ps']:g} ps: timescales {', '.join(slowest)} ns"
            + ("" if markov["level"] else "; they do not level off, so do not trust it")
        )
    say(f"tables and figures of all levels: {result['output']}")
