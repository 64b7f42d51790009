"""Verbs of a whole run: do it, sample only, report on it, draw it, explore it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nanochart import __version__
from nanochart.cli.options import (
    Json,
    Output,
    Redo,
    RunFileArgument,
    Scheduler,
    Walltime,
    app,
    numbers,
    print_summary,
)
from nanochart.cli.stages import do_stages, opened
from nanochart.errors import NanochartError
from nanochart.terminal import print_table, progress_of, say

#: Where `nanochart --help` lists these verbs.
PANEL = "A run"


@app.command(rich_help_panel=PANEL)
def run(
    run_file: RunFileArgument,
    output: Output = None,
    redo: Redo = False,
    scheduler: Scheduler = None,
    walltime: Walltime = None,
    as_json: Json = False,
) -> None:
    """Do everything: from a run file to a chart and its report page.

    Run it again after a crash, a kill or a changed setting: finished stages are skipped, what is
    half done goes on, what depends on a change is done again. More `cycles` continue the sampling.

    Example: `nanochart run examples/au90-quick.toml -o au90`
    """
    do_stages(
        run_file,
        output,
        until="report",
        redo=redo,
        as_json=as_json,
        scheduler=scheduler,
        walltime=walltime,
    )


@app.command(rich_help_panel=PANEL)
def sample(
    run_file: RunFileArgument,
    output: Output = None,
    redo: Redo = False,
    scheduler: Scheduler = None,
    walltime: Walltime = None,
    as_json: Json = False,
) -> None:
    """Only sample: seed clusters and parallel-tempering MD.

    Example: `nanochart sample examples/au90-quick.toml -o au90`
    """
    do_stages(
        run_file,
        output,
        until="sample",
        redo=redo,
        as_json=as_json,
        scheduler=scheduler,
        walltime=walltime,
    )


@app.command(rich_help_panel=PANEL)
def report(
    folder: Annotated[Path, typer.Argument(help="run folder")], as_json: Json = False
) -> None:
    """Make the report page of a run.

    Example: `nanochart report au90-quick`
    """
    do_stages(folder / "run.toml", folder, until="report", as_json=as_json, again=True)


@app.command(rich_help_panel=PANEL)
def figures(
    folder: Annotated[Path, typer.Argument(help="run folder")],
    output: Annotated[Path, typer.Option("--output", "-o", help="folder to write into")] = Path(
        "figures"
    ),
    formats: Annotated[
        str, typer.Option("--format", help="of pdf, svg and png, with commas between")
    ] = "pdf",
    only: Annotated[
        str, typer.Option(help="names of figures, with commas between: fig3,fig4c; default: all")
    ] = "",
    style: Annotated[
        Path | None, typer.Option(help="matplotlib style file: what it sets replaces ours")
    ] = None,
    trajectory: Annotated[
        Path | None,
        typer.Option(help="table of `nanochart project`: its figures, too"),
    ] = None,
    frame_time: Annotated[
        float | None, typer.Option(help="ps between its frames, if the table has no times")
    ] = None,
    renderer: Annotated[
        str, typer.Option(help="of structures: built-in, or ovito (ray-traced; nanochart[render])")
    ] = "built-in",
    as_json: Json = False,
) -> None:
    """Write the figures of a run, for one and two columns of a journal, each with its numbers.

    Examples: `nanochart figures au90 -o au90-figures`, `nanochart figures au90 --only fig4
    --format svg,png --style mine.mplstyle`
    """
    if output.is_file():
        raise NanochartError(f"{output}: is a file; figures go into a folder, give another name")
    do_stages(folder / "run.toml", folder, until="project", as_json=as_json, show=False)
    from nanochart.workflow.figures import write_figures

    with opened(folder / "run.toml", folder) as run, progress_of("figures") as progress:
        told = write_figures(
            run,
            output,
            formats=[word.strip() for word in formats.split(",")],
            only=[word.strip() for word in only.split(",") if word.strip()],
            style=style,
            trajectory=trajectory,
            frame_time=frame_time,
            renderer=renderer,
            progress=progress,
        )
    if as_json:
        print(json.dumps({"output": str(output), "figures": told}))
        return
    made = [(one["figure"], one["shows"]) for one in told if not one["absent"]]
    print_table(f"{len(made)} figures in {output}", ("figure", "shows"), made)
    for one in told:
        if one["absent"]:
            say(f"no {one['figure']} ({one['shows']}): {one['absent']}")


@app.command(rich_help_panel=PANEL)
def explore(
    folder: Annotated[Path, typer.Argument(help="run folder")],
    static: Annotated[
        Path | None, typer.Option(help="write the page into this one HTML file, and serve nothing")
    ] = None,
    trajectory: Annotated[
        Path | None, typer.Option(help="table of `nanochart project` to show as a path")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="of this machine; 0: a free one")] = 0,
    browser: Annotated[bool, typer.Option(help="open the page in the browser")] = True,
    as_json: Json = False,
) -> None:
    """Open a page on which every point of the chart is a structure to turn in the hand.

    Only this machine can reach it. `--static` writes one file to send to somebody: all points, and
    some structures of every family.

    Examples: `nanochart explore au90`, `nanochart explore au90 --static au90.html`
    """
    from nanochart.workflow.explore import serve_run, write_static_run

    if static is not None:
        if trajectory is not None:
            raise NanochartError("--static takes no trajectory: drop its table on the page")
        with progress_of("explore") as progress:
            result = write_static_run(folder, static, progress=progress)
        print_summary(result, as_json)
        return

    def ready(url: str) -> None:
        print(json.dumps({"url": url}) if as_json else url, flush=True)
        say("nanochart: the explorer is at this address, on this machine only; Ctrl-C ends it")
        if browser:
            typer.launch(url)

    serve_run(folder, trajectory=trajectory, port=port, ready=ready)


@app.command(rich_help_panel=PANEL)
def statistics(
    folder: Annotated[Path, typer.Argument(help="run folder; it may be at work")],
    temperatures: Annotated[
        str, typer.Option(help="K, with commas between: where MBAR is asked; default: 100 of them")
    ] = "",
    rungs: Annotated[
        int | None, typer.Option(min=2, help="temperatures of the suggested ladder")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="folder to write CSV tables into")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a run's snapshots are worth: shares and errors, melting, round trips, swaps.

    Errors are of a block bootstrap over cycles. MBAR gives the heat capacity and the classes at any
    temperature of the ladder, and a ladder on which all pairs would accept alike.

    Examples: `nanochart statistics au90`, `nanochart statistics au90 --temperatures 300,420
    --json`
    """
    from nanochart.cli.statistics_tables import print_statistics
    from nanochart.workflow.statistics import run_statistics

    result = run_statistics(folder, temperatures=numbers(temperatures), rungs=rungs, output=output)
    if as_json:
        print(json.dumps(result))
    else:
        print_statistics(result)


@app.command(rich_help_panel=PANEL)
def doctor(as_json: Json = False) -> None:
    """Check this machine: libraries, LAMMPS against the reference energy, speed, room.

    Exits with status 1 if anything needed does not work.

    Example: `nanochart doctor`
    """
    from nanochart.workflow.doctor import examine

    checks = examine()
    if as_json:
        print(json.dumps([check.__dict__ for check in checks]))
    else:
        rows = [(check.name, "ok" if check.ok else "FAILED", check.found) for check in checks]
        print_table(f"nanochart {__version__}", ("check", "", "found"), rows)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
