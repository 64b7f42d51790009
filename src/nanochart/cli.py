"""The command line: one verb a function, thin. It parses, calls, prints.

Results go to the standard output (``--json`` for machines), progress to the standard error. A
:class:`NanochartError` is one line and exit status 1.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from nanochart import __version__
from nanochart.errors import NanochartError
from nanochart.terminal import print_table, progress_of, say
from nanochart.workflow.torchrun import once_under_torchrun

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Chart the structures of nanoclusters: sample, quench, label, learn, map.\n\n"
    "Begin with `nanochart doctor`, then `nanochart run examples/au90-quick.toml`.",
)

RunFileArgument = Annotated[
    Path, typer.Argument(help="run file (TOML); see examples/ and docs/run-file.md")
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="run folder; by default the run file's name")
]
Redo = Annotated[bool, typer.Option(help="discard snapshots whose settings have changed")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
Species = Annotated[
    str | None, typer.Option(help="chemical symbol, for files that hold only types")
]
SkipBad = Annotated[
    bool,
    typer.Option("--skip-bad", help="leave out and count unusable frames"),
]
#: Rows of a table printed at most.
_SHOWN = 40
Files = Annotated[list[Path], typer.Argument(help="structure files ASE reads, or a run folder")]


@app.command()
def run(
    run_file: RunFileArgument, output: Output = None, redo: Redo = False, as_json: Json = False
) -> None:
    """Do everything: from a run file to a chart and its report page.

    Run it again after a crash, a kill or a changed setting: finished stages are skipped, what is
    half done goes on, what depends on a change is done again. More `cycles` continue the sampling.

    Example: `nanochart run examples/au90-quick.toml -o au90`
    """
    _do_stages(run_file, output, until="report", redo=redo, as_json=as_json)


@app.command()
def sample(
    run_file: RunFileArgument, output: Output = None, redo: Redo = False, as_json: Json = False
) -> None:
    """Only sample: seed clusters and parallel-tempering MD.

    Example: `nanochart sample examples/au90-quick.toml -o au90`
    """
    _do_stages(run_file, output, until="sample", redo=redo, as_json=as_json)


@app.command()
def quench(
    files: Files,
    output: Annotated[Path, typer.Option("--output", "-o", help="extended XYZ to write")] = Path(
        "quenched.extxyz"
    ),
    potential: Annotated[str | None, typer.Option(help="RGL set; default: the element's")] = None,
    force_tolerance: Annotated[
        float, typer.Option(min=1e-9, help="largest force component, eV/Å")
    ] = 1e-3,
    workers: Annotated[int, typer.Option(min=0, help="processes; 0: all cores")] = 0,
    species: Species = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Bring structures to their local minima; of a run folder, do its quench stage.

    Example: `nanochart quench trajectory.xyz -o minima.extxyz`
    """
    if _is_run(files):
        _refuse_options(potential, species, skip_bad, force_tolerance != 1e-3)
        _do_stages(files[0] / "run.toml", files[0], until="quench", as_json=as_json)
        return
    from nanochart.workflow.single import quench_files

    with progress_of("quench") as progress:
        result = quench_files(
            files,
            output,
            potential=potential,
            force_tolerance=force_tolerance,
            n_workers=workers,
            species=species,
            skip_bad=skip_bad,
            progress=progress,
        )
    _print_summary(result, as_json)


@app.command()
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
    minima are described.

    Example: `nanochart classify minima.extxyz --csv words.csv`
    """
    from nanochart.workflow.classify import Classifier, classify_files

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
            classifier, table=csv, extxyz=extxyz, keep=None if as_json else _SHOWN
        )
    if as_json:
        print(json.dumps(result))
        return
    _print_classification(result)


@app.command()
@once_under_torchrun
def train(
    files: Files,
    output: Annotated[Path, typer.Option("--output", "-o", help="chart to write")] = Path(
        "chart.safetensors"
    ),
    network: Annotated[str, typer.Option(help="paper, or compact: smooth and cheap")] = "paper",
    epochs: Annotated[int, typer.Option(help="passes over the training set")] = 100,
    batch_size: Annotated[int, typer.Option(help="structures a step")] = 128,
    seed: Annotated[int, typer.Option(help="of split, weights and batches")] = 0,
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="train on minima as often as they come")
    ] = False,
    device: Annotated[
        str, typer.Option(help="cpu, cuda, cuda:1, or auto: a GPU if there is one")
    ] = "auto",
    csv: Annotated[Path | None, typer.Option(help="write the losses here, a line an epoch")] = None,
    tensorboard: Annotated[
        Path | None, typer.Option(help="write event files into this folder, for TensorBoard")
    ] = None,
    species: Species = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Train a chart on quenched structures; of a run folder, do its training.

    Of files, each minimum counts once: the same RDF is the same minimum (runs go by energy and
    class). The training resumes from `OUTPUT.checkpoint` after a kill.

    Examples: `nanochart train minima.extxyz -o au90.safetensors`, on two GPUs
    `torchrun --nproc-per-node 2 -m nanochart train minima.extxyz`
    """
    if _is_run(files):
        _refuse_options(species, skip_bad, epochs != 100, batch_size != 128, seed != 0)
        _refuse_options(network != "paper", keep_duplicates)
        _refuse_options(device != "auto", csv, tensorboard)
        _do_stages(files[0] / "run.toml", files[0], until="train", as_json=as_json)
        return
    from nanochart.workflow.single import train_files

    with progress_of("train") as progress:
        result = train_files(
            files,
            output,
            network=network,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            keep_duplicates=keep_duplicates,
            device=device,
            log=csv,
            tensorboard=tensorboard,
            species=species,
            skip_bad=skip_bad,
            progress=progress,
        )
    _print_summary(result, as_json)


@app.command()
def families(
    chart: Annotated[Path, typer.Argument(help="chart, or run folder")],
    files: Annotated[
        list[Path] | None, typer.Argument(help="structures to group anew; without: list families")
    ] = None,
    bandwidth: Annotated[
        float | None, typer.Option(help="of mean shift; default: from the scan's plateaus")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="chart to write the new families into")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="of a run: folder for tables, figures, and each family's 50 structures"),
    ] = None,
    second_opinion: Annotated[
        bool, typer.Option("--second-opinion", help="with --export: ask HDBSCAN, too")
    ] = False,
    species: Species = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """List a chart's families, find them anew among given structures, or export them.

    Stable: how well a family is found again in bootstrap samples of the chart; from 75 % on it is
    there, below 60 % it should not be relied on.

    Examples: `nanochart families au90`, `nanochart families au90 --export au90-families`,
    `nanochart families au90.safetensors minima.extxyz --bandwidth 1.5 -o fine.safetensors`
    """
    if (export or second_opinion) and not _is_run([chart]):
        raise NanochartError(
            f"{chart}: is no run folder; --export needs one, for its structures and populations"
        )
    if second_opinion and export is None:
        raise NanochartError("--second-opinion is written into the catalogue: give --export, too")
    if _is_run([chart]):
        if files or output or bandwidth:
            raise NanochartError(
                f"{chart}: is a run folder, whose families follow its run file: set [families] "
                f"there, or give {chart / 'chart.safetensors'} and an --output"
            )
        if export is not None:
            _export_families(chart, export, second_opinion, as_json)
            return
        _do_stages(chart / "run.toml", chart, until="families", as_json=as_json, show=False)
        chart = chart / "chart.safetensors"
    from nanochart.workflow.single import families_of

    with progress_of("families") as progress:
        rows = families_of(
            chart,
            files or [],
            bandwidth=bandwidth,
            output=output,
            species=species,
            skip_bad=skip_bad,
            progress=progress,
        )
    if as_json:
        print(json.dumps(rows))
        return
    print_table(
        f"{len(rows)} families",
        ("family", "structures", "stable", "group", "agree", "name"),
        [
            (
                row["id"],
                row["size"],
                "" if row["stability"] is None else f"{100 * row['stability']:.0f} %",
                row["macro_family"],
                f"{100 * row['agreement']:.0f} %" if row["words"] else "",
                row["name"],
            )
            for row in rows
        ],
    )


def _export_families(folder: Path, export: Path, second_opinion: bool, as_json: bool) -> None:
    """Write the catalogue of a run's families, after the stages that it needs."""
    if export.is_file():
        raise NanochartError(f"{export}: is a file; --export makes a folder, give another name")
    _do_stages(folder / "run.toml", folder, until="project", as_json=as_json, show=False)
    from nanochart.workflow.catalogue import write_catalogue
    from nanochart.workflow.config import parse_run_file, read_run_file
    from nanochart.workflow.run import open_run
    from nanochart.workflow.stages import STAGES

    text = read_run_file(folder / "run.toml")
    file = parse_run_file(text, where=str(folder / "run.toml"))
    with open_run(folder, file, text, STAGES) as run, progress_of("export") as progress:
        result = write_catalogue(run, export, opinion=second_opinion, progress=progress)
    _print_summary(result, as_json)


@app.command()
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
    _print_summary(result, as_json)


@app.command()
def compare(
    charts: Annotated[list[Path], typer.Argument(help="charts or run folders, of one cluster")],
    structures: Annotated[
        list[Path] | None,
        typer.Option(help="files to judge on, repeatable; default: the first run's minima"),
    ] = None,
    umap: Annotated[bool, typer.Option("--umap", help="judge UMAP, too (umap-learn)")] = False,
    neighbours: Annotated[int, typer.Option(min=1, help="of a structure, looked at")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="of UMAP, and of samples of large sets")] = 0,
    species: Species = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Judge charts on the same structures, beside linear PCA: neighbours, classes, agreement.

    A run's chart is judged on the structures its training held out ("new"), any other on all.

    Examples: `nanochart compare au90`, `nanochart compare au90 seed1.safetensors seed2.safetensors`
    """
    from nanochart.workflow.compare import compare_charts, tables_of

    with progress_of("compare") as progress:
        result = compare_charts(
            charts,
            files=structures or [],
            with_umap=umap,
            k=neighbours,
            seed=seed,
            species=species,
            skip_bad=skip_bad,
            progress=progress,
        )
    if as_json:
        print(json.dumps(result))
        return
    for title, header, rows in tables_of(result):
        print_table(title, header, rows)
    _tell_skipped(result["structures"]["skipped"])


@app.command()
def scan(
    files: Files,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="folder to write; default: scan, in a run's folder"),
    ] = None,
    dims: Annotated[str, typer.Option(help="numbers of CVs: 1-8, or 1,2,3")] = "1-8",
    network: Annotated[str, typer.Option(help="paper, or compact: smooth and cheap")] = "paper",
    epochs: Annotated[int, typer.Option(help="passes over the training set")] = 100,
    seed: Annotated[int, typer.Option(help="of split, weights and batches")] = 0,
    device: Annotated[
        str, typer.Option(help="cpu, cuda, cuda:1, or auto: a GPU if there is one")
    ] = "auto",
    species: Species = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Scan the number of CVs: the loss of a network for each, beside linear PCA, and the elbow.

    The paper's network takes hours a number on a CPU, the compact one minutes. A scan that was
    cut off goes on. Writes `scan.csv` and `scan.json`.

    Example: `nanochart scan au147 --network compact`
    """
    from nanochart.chart.protocol import TrainingSettings
    from nanochart.workflow.scan import scan as scan_files

    with progress_of("scan") as progress:
        result = scan_files(
            files,
            output or (files[0] / "scan" if _is_run(files) else Path("scan")),
            n_cvs=_numbers(dims),
            settings=TrainingSettings.of(network, epochs=epochs, seed=seed),
            device=device,
            species=species,
            skip_bad=skip_bad,
            progress=progress,
        )
    if as_json:
        print(json.dumps({"elbow": result.elbow, "scan": result.rows}))
        return
    print_table(
        "the best validation loss, and that of as many principal components",
        ("CVs", "loss", "R²", "PCA", "epoch", ""),
        [
            (
                row["n_cvs"],
                f"{row['loss']:.5f}",
                f"{row['r2']:.3f}",
                f"{row['pca_loss']:.5f}",
                row["best_epoch"] + 1,
                "elbow" if row["n_cvs"] == result.elbow else "",
            )
            for row in result.rows
        ],
    )


@app.command()
def thermal(
    folder: Annotated[Path, typer.Argument(help="run folder, with hot snapshots and a chart")],
    output: Annotated[Path, typer.Option("--output", "-o", help="chart to write")] = Path(
        "thermal.safetensors"
    ),
    chart: Annotated[
        Path | None, typer.Option(help="chart of the minima; default: the run's")
    ] = None,
    epochs: Annotated[int, typer.Option(help="passes over the training pairs")] = 100,
    seed: Annotated[int, typer.Option(help="of weights and batches")] = 0,
    device: Annotated[
        str, typer.Option(help="cpu, cuda, cuda:1, or auto: a GPU if there is one")
    ] = "auto",
    as_json: Json = False,
) -> None:
    """Make a thermal chart: it puts hot configurations where the minima they quench to lie.

    Trained on a run's snapshots and their minima, judged on blocks of time that were held out:
    how often a hot structure lands in its minimum's family, beside the chart of minima. Above
    melting that means little.

    Example: `nanochart thermal au147 -o au147-thermal.safetensors`
    """
    from nanochart.chart.protocol import TrainingSettings
    from nanochart.workflow.thermal import make_thermal_chart

    with progress_of("thermal") as progress:
        result = make_thermal_chart(
            folder,
            output,
            chart_path=chart,
            settings=TrainingSettings.of("compact", epochs=epochs, seed=seed),
            device=device,
            progress=progress,
        )
    columns = zip(
        result.thermal.group.tolist(),
        result.thermal.n.tolist(),
        result.thermal.same_family.tolist(),
        result.quenched_only.same_family.tolist(),
        strict=True,
    )
    if as_json:
        names = ("temperature", "n", "thermal", "quenched_chart")
        rows = [dict(zip(names, row, strict=True)) for row in columns]
        print(json.dumps({**result.summary, "temperatures": rows}))
        return
    print_table(
        "held-out hot structures in the family of their minimum",
        ("T / K", "structures", "this chart, %", "the chart of minima, %"),
        [(f"{t:g}", n, f"{100 * ours:.0f}", f"{100 * other:.0f}") for t, n, ours, other in columns],
    )
    _print_summary(result.summary, as_json)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="run folder")], as_json: Json = False
) -> None:
    """Make the report page of a run.

    Example: `nanochart report au90-quick`
    """
    _do_stages(folder / "run.toml", folder, until="report", as_json=as_json, again=True)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check this machine: libraries, LAMMPS against the reference energy, speed, room.

    Exits with status 1 if anything needed does not work.
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


@app.command()
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
    _print_summary(result, as_json)


@app.command()
def distill(
    chart: Annotated[Path, typer.Argument(help="chart, or run folder")],
    files: Annotated[
        list[Path], typer.Argument(help="structures it was trained on: files, or a run folder")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="chart to write")],
    hidden: Annotated[str, typer.Option(help="nodes of each hidden layer")] = "128,128",
    epochs: Annotated[int, typer.Option(help="passes over the structures")] = 200,
    shaken: Annotated[float, typer.Option(help="Å, how far they are also taught displaced")] = 0.15,
    seed: Annotated[int, typer.Option(help="of weights, split and displacements")] = 0,
    species: Species = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Teach a chart's CVs to a small smooth encoder: for biased MD, 0.1 ms a step.

    Writes the chart again with both encoders. Prints how well CVs and gradients agree on
    structures held out, as they are and displaced.

    Example: `nanochart distill au90 au90 -o au90-smooth.safetensors`
    """
    from nanochart.chart.distillation import DistillationSettings
    from nanochart.workflow.distill import distill_files, hidden_layers

    settings = DistillationSettings(
        hidden=hidden_layers(hidden), epochs=epochs, shaken=shaken, seed=seed
    )
    with progress_of("distill") as progress:
        result = distill_files(
            chart / "chart.safetensors" if chart.is_dir() else chart,
            files,
            output,
            settings=settings,
            species=species,
            skip_bad=skip_bad,
            progress=progress,
        )
    _print_summary(result, as_json)


@app.command()
def export(
    chart: Annotated[Path, typer.Argument(help="chart, or run folder")],
    to: Annotated[
        str,
        typer.Option(help="metatomic, torchscript (PLUMED), torch-export, ase, openmm or lammps"),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="folder to make; default: CHART-TO")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a chart for another program: its CVs as a function of positions, ready to bias.

    A folder with the model, an input to begin with, and a README. docs/exports.md says what was
    checked, and to what accuracy.

    Example: `nanochart export au90.safetensors --to openmm -o au90-openmm`
    """
    from nanochart.bias.exports.folder import export_chart
    from nanochart.chart.chart import load_chart

    path = chart / "chart.safetensors" if chart.is_dir() else chart
    folder = output or Path(f"{chart.name.removesuffix('.safetensors')}-{to}")
    result = export_chart(load_chart(path), to, folder)
    _print_summary(
        {**result, "files": result["files"] if as_json else ", ".join(result["files"])}, as_json
    )


@app.command()
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
        _print_summary(result, as_json)
        return

    def ready(url: str) -> None:
        print(json.dumps({"url": url}) if as_json else url, flush=True)
        say("nanochart: the explorer is at this address, on this machine only; Ctrl-C ends it")
        if browser:
            typer.launch(url)

    serve_run(folder, trajectory=trajectory, port=port, ready=ready)


@app.command()
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
    _do_stages(folder / "run.toml", folder, until="project", as_json=as_json, show=False)
    from nanochart.workflow.config import parse_run_file, read_run_file
    from nanochart.workflow.figures import write_figures
    from nanochart.workflow.run import open_run
    from nanochart.workflow.stages import STAGES

    text = read_run_file(folder / "run.toml")
    file = parse_run_file(text, where=str(folder / "run.toml"))
    with open_run(folder, file, text, STAGES) as run, progress_of("figures") as progress:
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


def _do_stages(
    run_file: Path,
    output: Path | None,
    *,
    until: str,
    redo: bool = False,
    as_json: bool = False,
    again: bool = False,
    show: bool = True,
) -> None:
    """Do the stages of a run up to one of them; ``again`` does the last in any case."""
    from nanochart.workflow.config import parse_run_file, read_run_file
    from nanochart.workflow.run import open_run
    from nanochart.workflow.stages import STAGES

    text = read_run_file(run_file)
    checked = parse_run_file(text, where=str(run_file))
    # A run folder holds a copy of its run file: that one goes on where it lies.
    beside = (run_file.parent / "landscape").is_dir()
    folder = output or (run_file.parent if beside else Path(run_file.stem))
    with open_run(folder, checked, text, STAGES, redo=redo) as opened:
        for stage in _up_to(STAGES, until):
            if opened.is_finished(stage.name) and not (again and stage.name == until):
                say(f"{stage.name:<9} already done")
                continue
            try:
                with progress_of(stage.name) as progress:
                    record = opened.do(stage.name, progress)
            except KeyboardInterrupt:
                say("nanochart: stopped; the same command goes on from the last commit")
                raise typer.Exit(130) from None
            say(f"{stage.name:<9} done in {record.seconds:.1f} s: {stage.does}")
        records = opened.records()
        page = opened.report_path if until == "report" else opened.folder
    result = {
        "folder": str(folder),
        "result": str(page),
        "stages": {name: record.__dict__ for name, record in records.items()},
    }
    if show:
        print(json.dumps(result) if as_json else page)


def _numbers(text: str) -> list[int]:
    """Return the numbers that "1-4" or "1,2,5" stands for."""
    found: list[int] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            found += range(int(first), int(last or first) + 1)
    except ValueError:
        raise NanochartError(f"{text!r}: are no numbers; give 1-8, or 1,2,3") from None
    return found


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
        most = list(counts.items())[:_SHOWN]
        print_table(
            "composition" if len(most) == len(counts) else f"the commonest of {len(counts)} names",
            (title, "structures", "%"),
            [(name, n, f"{100 * n / total:.1f}") for name, n in most],
        )
    _tell_skipped(result["skipped"])


def _refuse_options(*given: object) -> None:
    """Raise if options were given that a run takes from its run file."""
    if any(given):
        raise NanochartError("a run folder takes its settings from its run.toml: set them there")


def _up_to(stages: tuple[Any, ...], until: str) -> Iterator[Any]:
    for stage in stages:
        yield stage
        if stage.name == until:
            return


def _is_run(files: list[Path]) -> bool:
    return len(files) == 1 and (files[0] / "run.toml").is_file()


def _print_summary(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
        return
    print_table("", ("", ""), [(name.replace("_", " "), value) for name, value in result.items()])
    _tell_skipped(int(result.get("skipped", 0)))


def _tell_skipped(skipped: int) -> None:
    if skipped:
        say(f"{skipped} bad frames were skipped")


def _version(asked: bool) -> None:
    if asked:
        print(f"nanochart {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Take the options that belong to no verb."""


def main() -> None:
    """Run the command line; the entry point of ``nanochart``."""
    try:
        app()
    except NanochartError as error:
        say(f"nanochart: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
