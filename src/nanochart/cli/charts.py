"""Verbs that make, judge and pass on a chart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nanochart.cli.options import (
    Files,
    Json,
    SkipBad,
    Species,
    app,
    is_run,
    print_summary,
    refuse_options,
    resumable,
    tell_skipped,
)
from nanochart.cli.stages import do_stages, opened
from nanochart.errors import NanochartError
from nanochart.terminal import print_table, progress_of
from nanochart.workflow.torchrun import once_under_torchrun

#: Where `nanochart --help` lists these verbs.
PANEL = "A chart"


@app.command(rich_help_panel=PANEL)
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
    if is_run(files):
        refuse_options(species, skip_bad, epochs != 100, batch_size != 128, seed != 0)
        refuse_options(network != "paper", keep_duplicates)
        refuse_options(device != "auto", csv, tensorboard)
        do_stages(files[0] / "run.toml", files[0], until="train", as_json=as_json)
        return
    from nanochart.workflow.single import train_files

    with resumable("train") as progress:
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
    print_summary(result, as_json)


@app.command(rich_help_panel=PANEL)
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
    if (export or second_opinion) and not is_run([chart]):
        raise NanochartError(
            f"{chart}: is no run folder; --export needs one, for its structures and populations"
        )
    if second_opinion and export is None:
        raise NanochartError("--second-opinion is written into the catalogue: give --export, too")
    if is_run([chart]):
        if files or output or bandwidth:
            raise NanochartError(
                f"{chart}: is a run folder, whose families follow its run file: set [families] "
                f"there, or give {chart / 'chart.safetensors'} and an --output"
            )
        if export is not None:
            _export_families(chart, export, second_opinion, as_json)
            return
        do_stages(chart / "run.toml", chart, until="families", as_json=as_json, show=False)
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
    do_stages(folder / "run.toml", folder, until="project", as_json=as_json, show=False)
    from nanochart.workflow.catalogue import write_catalogue

    with opened(folder / "run.toml", folder) as run, progress_of("export") as progress:
        result = write_catalogue(run, export, opinion=second_opinion, progress=progress)
    print_summary(result, as_json)


@app.command(rich_help_panel=PANEL)
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
    tell_skipped(result["structures"]["skipped"])


@app.command(rich_help_panel=PANEL)
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

    with resumable("scan") as progress:
        result = scan_files(
            files,
            output or (files[0] / "scan" if is_run(files) else Path("scan")),
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


@app.command(rich_help_panel=PANEL)
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
    print_summary(result.summary, as_json)


@app.command(rich_help_panel=PANEL)
def distill(
    chart: Annotated[Path, typer.Argument(help="chart, or run folder")],
    files: Annotated[
        list[Path], typer.Argument(help="structures it was trained on: files, or a run folder")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="chart to write")],
    hidden: Annotated[str, typer.Option(help="nodes of each hidden layer")] = "128,128",
    lessons: Annotated[
        int, typer.Option(help="inputs taught: the structures, displaced anew until so many")
    ] = 100_000,
    epochs: Annotated[int, typer.Option(help="passes over the lessons")] = 60,
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
        hidden=hidden_layers(hidden), lessons=lessons, epochs=epochs, shaken=shaken, seed=seed
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
    print_summary(result, as_json)


@app.command(rich_help_panel=PANEL)
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
    print_summary(
        {**result, "files": result["files"] if as_json else ", ".join(result["files"])}, as_json
    )
