"""The command line: one verb a function, thin. It parses, calls, prints.

Results go to the standard output (``--json`` for machines), progress to the standard error. A
:class:`NanochartError` is one line and exit status 1.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from nanochart import __version__
from nanochart.cli.options import app
from nanochart.errors import NanochartError
from nanochart.terminal import say

# Importing them makes their verbs known, and `nanochart --help` lists them in this order.
# isort: off
from nanochart.cli import runs, structures, charts, motion, biasing

# isort: on

__all__ = ["app", "biasing", "charts", "main", "motion", "runs", "structures"]


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
