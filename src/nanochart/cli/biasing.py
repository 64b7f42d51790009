"""Verbs of bias: clusters driven over their chart, and the free energies that come of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nanochart.cli.motion import PANEL
from nanochart.cli.options import SHOWN, Json, app, print_summary, resumable
from nanochart.errors import NanochartError
from nanochart.terminal import print_table


@app.command(rich_help_panel=PANEL)
def bias(
    chart: Annotated[
        str, typer.Argument(help="chart, or run folder, or one that ships: au147-thermal")
    ],
    start: Annotated[
        str,
        typer.Argument(
            help="motif (ih, dh, fcc, twin, hcp) or structure file; several for walkers: dh,twin"
        ),
    ],
    temperature: Annotated[float, typer.Option(help="of the bath, K")],
    duration: Annotated[float, typer.Option("--time", help="of the whole trajectory, ns")],
    output: Annotated[Path, typer.Option("--output", "-o", help="DCD to write")] = Path("bias.dcd"),
    steer_to: Annotated[
        str | None, typer.Option(help="pull there until the end: a family, or cv1=3,cv2=-1")
    ] = None,
    via: Annotated[
        list[str] | None,
        typer.Option(help="pull by way of that place first; may be given again"),
    ] = None,
    restrain: Annotated[
        str | None, typer.Option(help="hold there: a family, or cv1=3,rg=6.5")
    ] = None,
    spring: Annotated[
        float | None, typer.Option(help="of steering and holding, eV per squared unit")
    ] = None,
    metad: Annotated[
        str | None, typer.Option(help="metadynamics in cv1,cv2 (one to three variables)")
    ] = None,
    sigma: Annotated[str | None, typer.Option(help="widths of hills: 0.8,0.8")] = None,
    height: Annotated[float | None, typer.Option(help="of the first hill, eV")] = None,
    pace: Annotated[float | None, typer.Option(help="between hills, ps")] = None,
    bias_factor: Annotated[float | None, typer.Option(help="above 1; about barrier / kT")] = None,
    line: Annotated[
        str | None, typer.Option(help="two families, 13,25: s runs from 0 to 1 between them")
    ] = None,
    wall: Annotated[
        list[str] | None, typer.Option(help="rg<6.9 or cv1>-5; may be given again")
    ] = None,
    every: Annotated[int | None, typer.Option(help="MD steps between impulses of the bias")] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML with all of this and more: docs/bias.md")
    ] = None,
    hills: Annotated[Path | None, typer.Option(help="HILLS to begin with")] = None,
    walkers: Annotated[int, typer.Option(min=1, help="runs that share their hills")] = 1,
    workers: Annotated[int, typer.Option(min=0, help="processes for them; 0: all cores")] = 1,
    encoder: Annotated[str, typer.Option(help="of the chart: trained or distilled")] = "trained",
    frame: Annotated[int, typer.Option(min=0, help="which of a file's frames, from 0")] = 0,
    potential: Annotated[
        str | None, typer.Option(help="RGL set, or run file or folder; default: the element's")
    ] = None,
    interval: Annotated[float, typer.Option(help="between frames, ps")] = 1.0,
    timestep: Annotated[float, typer.Option(help="fs")] = 5.0,
    damping: Annotated[float, typer.Option(help="Langevin damping time, ps")] = 1.0,
    equilibrate: Annotated[float, typer.Option(help="unbiased MD before, ps")] = 20.0,
    seed: Annotated[int, typer.Option(min=0, help="of velocities and random forces")] = 0,
    block: Annotated[int, typer.Option(min=1, help="frames committed together")] = 50,
    outside: Annotated[
        bool, typer.Option("--outside", help="begin also outside the chart's domain")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="begin anew, whatever the output holds")
    ] = False,
    as_json: Json = False,
) -> None:
    """Drive a cluster over its chart: steered, held, or by well-tempered metadynamics.

    The chart's CVs are differentiated exactly, and the bias acts in LAMMPS as an impulse every few
    steps. Beside the trajectory `OUTPUT.COLVAR` and `OUTPUT.HILLS` are in PLUMED's format; the same
    command goes on after a kill, to the same bits, and with a longer `--time` from the end. Take a
    thermal chart: those of minima do not know hot configurations.

    Example: `nanochart bias au147-thermal ih --temperature 350 --time 5 --steer-to 13`
    """
    from nanochart.dynamics.md import MdSettings
    from nanochart.workflow.bias import run_bias
    from nanochart.workflow.bias_options import bias_of_options
    from nanochart.workflow.bias_start import BiasOptions
    from nanochart.workflow.md import whole_number

    settings = MdSettings(
        temperature=temperature,
        steps_per_frame=whole_number(interval * 1e3, timestep, "--interval", "--timestep"),
        timestep=timestep,
        damping=damping,
        seed=seed,
        block=block,
    )
    what = bias_of_options(
        config,
        steer_to=steer_to,
        via=via or [],
        restrain=restrain,
        spring=spring,
        metad=metad,
        sigma=sigma,
        height=height,
        pace=pace,
        bias_factor=bias_factor,
        line=line,
        walls=wall or [],
        every=every,
    )
    if encoder not in ("trained", "distilled"):
        raise NanochartError(f"--encoder {encoder}: is unknown; give trained or distilled")
    with resumable("bias") as progress:
        result = run_bias(
            chart,
            start,
            output,
            settings=settings,
            n_frames=whole_number(duration * 1e3, interval, "--time", "--interval"),
            bias=what,
            options=BiasOptions(
                encoder=encoder,  # type: ignore[arg-type]
                equilibrate=equilibrate,
                n_walkers=walkers,
                hills=hills,
                outside=outside,
            ),
            frame=frame,
            potential=potential,
            overwrite=overwrite,
            n_workers=workers,
            progress=progress,
        )
    print_summary(result, as_json)


@app.command("free-energy", rich_help_panel=PANEL)
def free_energy(
    runs: Annotated[list[Path], typer.Argument(help="trajectories of nanochart bias")],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV of the families")] = Path(
        "free-energy.csv"
    ),
    discard: Annotated[float, typer.Option(help="share of each run left out at its start")] = 0.2,
    until: Annotated[
        float, typer.Option(help="share of each run where it ends: one half, then the other")
    ] = 1.0,
    by: Annotated[
        str, typer.Option(help="of metadynamics: time, V - c(t); final, V at the end")
    ] = "time",
    surface: Annotated[
        str | None, typer.Option(help="one or two variables: cv1,cv2; also to NAME-surface.csv")
    ] = None,
    bins: Annotated[int, typer.Option(min=2, help="of each variable of the surface")] = 40,
    blocks: Annotated[int, typer.Option(min=2, help="of time, of each run, for errors")] = 5,
    minima: Annotated[
        Path | None, typer.Option(help="table of nanochart project, of the runs' quenched frames")
    ] = None,
    between: Annotated[
        str | None, typer.Option(help="two states to tell the difference of: 13,25 or Dh,Twin")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell free energies of families, and surfaces, from biased runs, with errors by blocks.

    Walkers of one metadynamics are put together; windows held by `--restrain` are joined by MBAR.
    With `--minima` the states are classes of quenched frames instead of families of hot ones.

    Example: `nanochart free-energy bias.dcd --surface cv1,cv2 -o au147.csv`
    """
    from nanochart.workflow.free_energy import free_energies

    if by not in ("time", "final"):
        raise NanochartError(f"--by {by}: is unknown; give time or final")
    ends = None if between is None else tuple(one.strip() for one in between.split(","))
    if ends is not None and len(ends) != 2:
        raise NanochartError(f"--between {between}: give two states, such as Dh,Twin")
    found = free_energies(
        runs,
        output,
        discard=discard,
        until=until,
        by=by,  # type: ignore[arg-type]
        surface=[] if surface is None else [name.strip() for name in surface.split(",")],
        bins=bins,
        n_blocks=blocks,
        minima=minima,
        between=ends,
    )
    if not as_json:
        rows = [
            (i, f"{share:.3f}", f"{free:.3f}", f"{error:.3f}" if error < float("inf") else "?")
            for i, share, _, free, error in found.states[:SHOWN]
        ]
        print_table("free energies", (found.kind, "share", "F / eV", "error / eV"), rows)
    print_summary(found.summary, as_json)
