"""The stages of a run, in order: what each needs, and what of the run file it depends on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nanochart.composition import is_alloy
from nanochart.landscape import Landscape
from nanochart.progress import Progress, silent
from nanochart.workflow import describe
from nanochart.workflow import sample as sampling_stages
from nanochart.workflow.config import RunFile, as_toml, parse_run_file
from nanochart.workflow.run import Run, Stage, open_run

Settings = Callable[[RunFile], Mapping[str, Any]]


def _section(
    name: str, *, only: set[str] | None = None, without: set[str] | None = None
) -> Settings:
    """Return the settings of a stage that depends on a section of the run file, or part of it."""
    return lambda file: getattr(file, name).model_dump(include=only, exclude=without, mode="json")


def _system(file: RunFile) -> Mapping[str, Any]:
    """Return the system, and a potential of the run file's own with the files it reads."""
    system = _section("system")(file)
    if not file.potential.kind:
        return system  # as it was before there were other potentials: such runs go on
    return {
        **system,
        "own_potential": hashlib.sha256(repr(file.make_potential()).encode()).hexdigest(),
    }


def _sampling(file: RunFile) -> Mapping[str, Any]:
    """Return how cycles are made; how many, and how often they are written, changes none."""
    without = {"cycles", "commit_every", "species_swaps"}
    settings = _section("sampling", without=without)(file)
    if not is_alloy(file.system.species):
        return settings  # as it was before there were alloys: such runs go on
    return {**settings, "species_swaps": file.species_swaps}


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
    Stage("seeds", "carve and quench starting clusters", (), _system, sampling_stages.seed),
    Stage(
        "sample",
        "parallel-tempering MD",
        ("seeds",),
        _sampling,
        sampling_stages.sample,
        extent=_section("sampling", only={"cycles"}),
    ),
    Stage("quench", "local minima", ("sample",), _section("quench"), sampling_stages.quench),
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


def sample(
    species: str,
    n_atoms: int,
    *,
    folder: str | os.PathLike[str],
    potential: str = "",
    workers: int = 1,
    progress: Progress = silent,
    **sampling: Any,
) -> Landscape:
    """Sample a cluster by parallel-tempering MD and quench every snapshot.

    What ``nanochart sample`` and ``nanochart quench`` do, from Python; called again, it resumes.

    Parameters
    ----------
    species, n_atoms
        The cluster.
    folder
        Where to work; made if it is not there.
    potential
        RGL parameter set; by default the element's.
    workers
        Processes. More than one needs a script that starts under ``if __name__ == "__main__":``,
        since each of them imports it.
    progress
        Called during every stage.
    **sampling
        Keys of the run file's ``[sampling]``: ``temperatures`` and ``cycles`` at least.

    Returns
    -------
    Landscape
        With the groups ``seeds``, ``snapshots`` and ``quenched``.

    Raises
    ------
    NanochartError
        A setting is wrong, or the folder belongs to another run.
    """
    values = {
        "system": {"species": species, "n_atoms": n_atoms, "potential": potential},
        "sampling": sampling,
        "resources": {"workers": workers},
    }
    text = as_toml(values)
    file = parse_run_file(text, where="sample()")
    with open_run(Path(folder), file, text, STAGES) as run:
        for name in ("seeds", "sample", "quench"):
            if not run.is_finished(name):
                run.do(name, progress)
        return run.landscape
