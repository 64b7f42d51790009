"""What verbs share: the application, options that many take, and how results are printed."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from nanochart.errors import NanochartError
from nanochart.progress import Progress
from nanochart.terminal import print_table, progress_of, say

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Chart the structures of nanoclusters: sample, quench, label, learn, map.\n\n"
    "Begin with `nanochart doctor`, then `nanochart run examples/au90-quick.toml`.\n\n"
    "With frames of your own: `nanochart project au147 md.dcd -o path.csv` puts them on a chart "
    "that ships; `nanochart quench hot.xyz -o minima.extxyz`, then `nanochart train minima.extxyz "
    "-o mine.safetensors`, makes a chart of them.\n\n"
    "`nanochart VERB --help` has an example of every verb.",
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
Scheduler = Annotated[
    str | None,
    typer.Option(help="of a Dask cluster, tcp://host:8786: its workers do the MD and the quenches"),
]
Walltime = Annotated[
    str | None,
    typer.Option(help="HH:MM:SS this may take: it stops at a commit before, with exit status 75"),
]
#: Rows of a table printed at most.
SHOWN = 40
Files = Annotated[list[Path], typer.Argument(help="structure files ASE reads, or a run folder")]


#: Exit statuses of work that was stopped and goes on: as a shell has them for SIGINT and SIGTERM.
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM


@contextmanager
def resumable(name: str) -> Iterator[Progress]:
    """Give the progress of work that goes on after a stop, by Ctrl-C or a queue's SIGTERM.

    Both stop it cleanly, its processes with it, and say so; a second SIGTERM ends it at once.
    """
    terminated = False

    def interrupt(number: int, frame: object) -> None:  # noqa: ARG001
        nonlocal terminated
        terminated = True
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with progress_of(name) as progress:
            yield progress
    except KeyboardInterrupt:
        say("nanochart: stopped; the same command goes on from the last commit")
        raise typer.Exit(TERMINATED if terminated else INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def refuse_options(*given: object) -> None:
    """Raise if options were given that a run takes from its run file."""
    if any(given):
        raise NanochartError("a run folder takes its settings from its run.toml: set them there")


def is_run(files: list[Path]) -> bool:
    return len(files) == 1 and (files[0] / "run.toml").is_file()


def numbers(text: str) -> list[float]:
    """Return numbers that stand with commas between."""
    try:
        return [float(word) for word in text.split(",") if word.strip()]
    except ValueError:
        raise NanochartError(f"{text!r}: give numbers with commas between") from None


def print_summary(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
        return
    print_table("", ("", ""), [(name.replace("_", " "), value) for name, value in result.items()])
    tell_skipped(int(result.get("skipped", 0)))


def tell_skipped(skipped: int) -> None:
    if skipped:
        say(f"{skipped} bad frames were skipped")
