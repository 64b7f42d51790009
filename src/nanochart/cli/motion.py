"""Verbs of clusters that move: MD, and trajectories on a chart."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nanochart.cli.options import Json, SkipBad, Species, app, print_summary
from nanochart.terminal import progress_of, say

#: Where `nanochart --help` lists these verbs.
PANEL = "Motion"


@app.command(rich_help_panel=PANEL)
def project(
    chart: Annotated[Path, typer.Argument(help="chart, or run folder")],
    files: Annotated[list[Path], typer.Argument(help="structure files ASE reads")],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV to write")] = Path(
        "projection.csv"
    ),
    quench: Annotated[bool, typer.Option(help="quench first: for hot frames")] = False,
    potential: Annotated[str | None, typer.Option(help="RGL set; default: the chart's")] = None,
    workers: Annotated[int, typer.Option(min=0, help="quenching processes; 0: all cores")] = 0,
    species: Species = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Put structures on a chart: CVs, family, inside or outside its domain.

    A chart of quenched structures wants quenched structures: `--quench` for frames of hot MD.

    Example: `nanochart project au90 trajectory.xyz --quench -o path.csv`
    """
    from nanochart.workflow.single import project_files

    path = chart / "chart.safetensors" if chart.is_dir() else chart
    with progress_of("project") as progress:
        result = project_files(
            path,
            files,
            output,
            quench_first=quench,
            potential=potential,
            n_workers=workers,
            species=species,
            skip_bad=skip_bad,
            progress=progress,
        )
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
