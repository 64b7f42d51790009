"""The stages of a run, in order: what each needs, and what of the run file it depends on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nanochart.progress import Progress
from nanochart.workflow import describe, sample
from nanochart.workflow.config import RunFile
from nanochart.workflow.run import Run, Stage

Settings = Callable[[RunFile], Mapping[str, Any]]


def _section(
    name: str, *, only: set[str] | None = None, without: set[str] | None = None
) -> Settings:
    """Return the settings of a stage that depends on a section of the run file, or part of it."""
    return lambda file: getattr(file, name).model_dump(include=only, exclude=without, mode="json")


# The learning stages import torch, which takes seconds: not before they are due.
def _train(run: Run, progress: Progress) -> None:
    from nanochart.workflow import learn

    learn.train(run, progress)


def _group_families(run: Run, progress: Progress) -> None:
    from nanochart.workflow import learn

    learn.group_families(run, progress)


def _project(run: Run, progress: Progress) -> None:
    from nanochart.workflow import learn

    learn.project(run, progress)


def _report(run: Run, progress: Progress) -> None:
    from nanochart.workflow import tell

    tell.report(run, progress)


STAGES: tuple[Stage, ...] = (
    Stage("seeds", "carve and quench starting clusters", (), _section("system"), sample.seed),
    Stage(
        "sample",
        "parallel-tempering MD",
        ("seeds",),
        # How many cycles, and how often they are written, changes none of those there are.
        _section("sampling", without={"cycles", "commit_every"}),
        sample.sample,
        extent=_section("sampling", only={"cycles"}),
    ),
    Stage("quench", "local minima", ("sample",), _section("quench"), sample.quench),
    Stage(
        "classify",
        "common neighbour analysis",
        ("quench",),
        _section("structure", only={"cutoff"}),
        describe.classify,
    ),
    Stage(
        "unique",
        "duplicates dropped, RDFs",
        ("classify",),
        lambda file: {
            "tolerance": file.structure.energy_tolerance,
            **file.descriptor.model_dump(mode="json"),
        },
        describe.find_unique,
    ),
    Stage("train", "the autoencoder", ("unique",), _section("training"), _train),
    Stage("families", "mean shift on the chart", ("train",), _section("families"), _group_families),
    Stage("project", "every snapshot on the chart", ("families",), lambda _: {}, _project),
    Stage("report", "the page", ("project",), lambda _: {}, _report),
)
