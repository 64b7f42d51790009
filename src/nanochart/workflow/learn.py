"""The stages that learn and use the chart: training, families, every snapshot projected."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nanochart.chart.chart import Chart, load_chart
from nanochart.chart.families import find_families
from nanochart.chart.judgement import linear_baseline, r_squared
from nanochart.chart.training import TrainingSettings, train_autoencoder
from nanochart.descriptor.rdf import rdf_of_positions
from nanochart.descriptor.scaling import MinMaxScaling
from nanochart.files import write_text
from nanochart.landscape import Group
from nanochart.parallel import available_cores
from nanochart.progress import Progress
from nanochart.structure.description import describe_positions
from nanochart.structure.family_words import FamilyWords, families_in_words
from nanochart.workflow.config import RunFile
from nanochart.workflow.describe import FAILED, cutoff_of
from nanochart.workflow.provenance import provenance
from nanochart.workflow.run import Run
from nanochart.workflow.sample import blocks

#: Structures encoded at a time.
_BLOCK = 1024


def training_summary_path(run: Run) -> Path:
    """Return where the losses of the training are kept, for the report."""
    return run.folder / "training.json"


def train(run: Run, progress: Progress) -> None:
    """Train the autoencoder on the unique structures, from its last checkpoint if there is one."""
    unique = run.landscape["unique"]
    inputs, scaling = inputs_of(unique)
    settings = settings_of(run.file)
    training = train_autoencoder(
        inputs,
        settings,
        checkpoint=_checkpoint(run),
        log=_log(run),
        progress=progress,
        threads=run.file.resources.threads or available_cores(),
        device=run.file.resources.device,
    )
    split = (training.train_indices, training.validation_indices)
    pca = linear_baseline(inputs, *split, n_components=settings.n_cvs)
    summary: dict[str, Any] = {
        "settings": asdict(settings),
        "n_training": len(split[0]),
        "n_validation": len(split[1]),
        "best_epoch": training.best_epoch,
        "best_loss": training.best_loss,
        "validation_r2": training.validation_r2,
        "pca_loss": pca,
        "pca_r2": r_squared(pca, inputs, split[1]),
    }
    attributes = unique.attributes
    chart = Chart.from_training(
        training,
        inputs,
        scaling=scaling,
        bandwidth=float(attributes["bandwidth"]),
        window=(int(attributes["window"][0]), int(attributes["window"][1])),
        species=run.file.system.species,
        n_atoms=run.file.system.n_atoms,
        provenance={**provenance(run.file), "training": summary},
    )
    chart.save(run.chart_path)
    history = {name: np.asarray(v).tolist() for name, v in vars(training.history).items()}
    write_text(
        training_summary_path(run), json.dumps({**summary, "history": history}, indent=1) + "\n"
    )


def inputs_of(unique: Group) -> tuple[NDArray[np.float32], MinMaxScaling]:
    """Return the RDFs of unique minima as a network sees them, (n, n_bins), and their scaling."""
    rdf = unique.read("rdf").astype(np.float64)
    scaling = MinMaxScaling.fit(rdf)
    return scaling.transform(rdf).astype(np.float32), scaling


def settings_of(file: RunFile) -> TrainingSettings:
    """Return how a run file wants its network trained."""
    given = file.training.model_dump(exclude_none=True)
    return TrainingSettings.of(**{**given, "halve_at": tuple(given["halve_at"])})


def _checkpoint(run: Run) -> Path:
    """Return where this training's checkpoints go; those of other settings or data are removed.

    The number of epochs is not part of the name where more of them continue a training. Fewer
    begin it anew, for a checkpoint knows no way back.
    """
    settings = asdict(settings_of(run.file))
    if settings_of(run.file).can_go_on:
        del settings["epochs"]
    identity = json.dumps([run.fingerprint("unique"), settings], sort_keys=True)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    path = run.folder / f"checkpoint-{digest}.safetensors"
    log = _log(run)
    epochs_done = len(log.read_text(encoding="utf-8").splitlines()) - 1 if log.exists() else 0
    for old in run.folder.glob("checkpoint-*.safetensors"):
        if old != path or epochs_done > run.file.training.epochs:
            old.unlink()
    return path


def _log(run: Run) -> Path:
    """Return where the losses are written as they come, a line an epoch."""
    return run.folder / "training.csv"


def _use_all_threads() -> None:
    """Undo what LAMMPS did: it sets this process's OpenMP threads to one."""
    torch.set_num_threads(available_cores())


def group_families(run: Run, progress: Progress) -> None:
    """Find the families of the unique structures and write them into the chart."""
    _use_all_threads()
    chart = load_chart(run.chart_path)
    unique = run.landscape["unique"]
    cvs = []
    for start, stop in unique.blocks(_BLOCK):
        cvs.append(chart.encode_rdf(unique.read("rdf", start, stop).astype(np.float64)))
    section = run.file.families
    families, labels = find_families(
        np.concatenate(cvs),
        bandwidth=section.bandwidth,
        minimum_size=section.minimum_size,
        progress=progress,
    )
    told = families.told(_family_words(run, labels, progress))
    chart.with_families(told).save(run.chart_path)


def _family_words(
    run: Run, labels: NDArray[np.int16], progress: Progress
) -> dict[int, FamilyWords]:
    """Describe every unique structure and return the words for each family."""
    unique, quenched = run.landscape["unique"], run.landscape["quenched"]
    cutoff = cutoff_of(run.file)
    words, defects = [], []
    for start, stop in unique.blocks(_BLOCK):
        positions = quenched.read_rows("positions", unique.read("snapshot", start, stop))
        found = describe_positions(
            positions.astype(np.float64),
            cutoff,
            symbols=run.landscape.symbols,
            threads=available_cores(),
        )
        words += found.words
        defects.append(found.defects)
        progress(stop, unique.committed)
    return families_in_words(words, np.concatenate(defects), labels)


def project(run: Run, progress: Progress) -> None:
    """Put every snapshot on the chart: populations count duplicates too."""
    _use_all_threads()
    chart = load_chart(run.chart_path)
    assert chart.families is not None  # the stage before saw to it
    quenched, classes = run.landscape["quenched"], run.landscape["classes"]
    n_rows, n_cvs = classes.committed, run.file.training.n_cvs
    group = run.landscape.start_group("chart", n_rows, chunk=_BLOCK, sizes={"cv": n_cvs})
    for start, stop in blocks(0, n_rows, _BLOCK):
        good = classes.read("cluster_class", start, stop) != FAILED
        cvs = np.full((stop - start, n_cvs), np.nan, dtype=np.float32)
        errors = np.full(stop - start, np.nan, dtype=np.float32)
        family = np.full(stop - start, -1, dtype=np.int16)
        inside = np.zeros(stop - start, dtype=np.int8)
        if good.any():
            positions = quenched.read("positions", start, stop)[good]
            points = chart.evaluate_rdf(
                rdf_of_positions(positions, chart.basis, threads=available_cores())
            )
            cvs[good], errors[good], inside[good] = points.cvs, points.errors, points.inside
            # A training structure has a family even where it lies at the edge of the domain.
            family[good] = chart.families.nearest(points.cvs)
        group.write(start, cvs=cvs, family=family, reconstruction_error=errors, inside=inside)
        progress(stop, n_rows)
    group.commit(n_rows)
