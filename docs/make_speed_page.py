"""Write docs/how-fast.md from benchmarks/results/*.json: run it without arguments."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from make_results_page import ROOT, machine, read, table

HEAD = """\
# How fast

One table of everything that was timed beside a peer: ours, theirs, the ratio (above 1 we are
faster), the machine, and the command. Each pair was measured in one process run. The pages that are
linked say how, with the spread and with what fell short of its aim. This page is made from
`benchmarks/results/` by `docs/make_speed_page.py`.
"""

TAIL = """\

"Every point a seed" of scikit-learn's mean shift is extrapolated from 1,000 seeds: the whole would
take from half an hour upward. Their bin seeding is the faster way that people use, and finds fewer
centres.

Not measured: several GPUs; a run spread over many machines; anything on a machine with more than
two cores, except on the host of the GPU.
"""


class Row(NamedTuple):
    """A line of the table; times are in seconds."""

    what: str
    ours: float
    peer: str
    theirs: float
    threads: str
    machine: str
    command: str
    page: str


def page() -> str:
    """Return the page."""
    rows = [*single_structures(), *sampling(), *quenches(), *learning(), *mean_shift()]
    head = ["what", "ours", "peer", "theirs", "ratio", "threads", "machine", "command", "more"]
    cells = [
        [
            row.what,
            duration(row.ours),
            row.peer,
            duration(row.theirs),
            f"{row.theirs / row.ours:,.2g}" if row.theirs < 100 * row.ours else ratio(row),
            row.threads,
            row.machine,
            f"`{row.command}`",
            f"[{row.page}]({row.page}.md)",
        ]
        for row in rows
    ]
    return "\n".join([HEAD, table(head, cells) + TAIL, whole_runs()])


def ratio(row: Row) -> str:
    """Return a large ratio."""
    return f"{row.theirs / row.ours:,.0f}"


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:,.3g} {unit}" if seconds < 1e3 * size else f"{seconds:,.0f} s"
    return f"{seconds / 1e-6:,.3g} µs"


def single_structures() -> list[Row]:
    """Return the rows of RDF, classes and gradient."""
    rows = []
    rdf = read("rdf")
    for atoms, times in rdf["results"].items():
        for peer in (
            "distances alone (scipy pdist)",
            "dense sum in torch",
            "sklearn KernelDensity",
        ):
            ours, theirs = times["rdf, positions checked before"], times[peer]
            what = f"RDF, {atoms}"
            rows.append(row(rdf, what, ours * 1e-6, peer, theirs * 1e-6, "1", "results"))
    cna = read("cna")
    times = cna["results"]["per_structure"]
    ours, peer = "environments, axes and class", "OVITO, fixed cutoff"
    smallest = {name: times[name]["smallest"] * 1e-6 for name in (ours, peer)}
    what = f"{ours}, {cna['atoms']} atoms"
    rows.append(
        row(cna, what, smallest[ours], f"{peer} (no five-fold classes)", smallest[peer], "1",
            "structures")
    )  # fmt: skip
    gradient = read("gradient")
    times = gradient["times"]
    peer = "vjp, paper's encoder, autograd, dense, 1 threads"
    for ours in ("vjp, paper's encoder", "vjp, distilled encoder"):
        rows.append(
            row(
                gradient,
                f"CVs and a gradient, {ours.removeprefix('vjp, ')}, {gradient['atoms']} atoms",
                times[ours]["smallest, ms"] * 1e-3,
                "torch autograd through the dense sum, paper's encoder",
                times[peer]["smallest, ms"] * 1e-3,
                "1",
                "gradient",
            )
        )
    return rows


def sampling() -> list[Row]:
    """Return the row of PTMD with segments of the default length, by processor time."""
    raw = read("ptmd_speed")
    longest = raw["records"][-1]
    ours, theirs = (
        1e6 / float(np.median(longest[f"{who}_steps_per_cpu_second"])) for who in ("ptmd", "bare")
    )
    what = (
        f"a million steps of PTMD of Au147, {longest['steps_per_segment']:,} a segment, no "
        "quenches, processor time"
    )
    return [row(raw, what, ours, "bare LAMMPS", theirs, "1", "sampling")]


def quenches() -> list[Row]:
    """Return the rows of the minimisers, by processor time."""
    raw = read("quench")
    rows = []
    for system in raw["systems"]:
        times = {
            name: one["cpu_ms_median_of_blocks"] * 1e-3 for name, one in system["methods"].items()
        }
        atoms = f"{system['species']}{system['n_atoms']}"
        for tolerance, peer in (
            ("1e-3", "LAMMPS cg"),
            ("1e-5", "LAMMPS cg"),
            ("1e-3", "LAMMPS fire"),
            ("1e-3", "ASE PreconLBFGS"),
        ):
            ours, theirs = times[f"L-BFGS {tolerance}"], times[f"{peer} {tolerance}"]
            what = f"quench of a hot {atoms} to {tolerance} eV/Å, processor time"
            name = f"{peer}, the same compiled forces" if peer.startswith("ASE") else peer
            rows.append(row(raw, what, ours, name, theirs, "1", "sampling"))
    return rows


def learning() -> list[Row]:
    """Return the rows of the training."""
    step, epoch, gpu = read("training_step"), read("training_epoch"), read("training_step_gpu")
    (peer, theirs), (_, ours) = step["results"].items()
    what = f"training step, batch {step['batch']}, {step['n_bins']} bins"
    rows = [row(step, what, ours, peer, theirs, str(step["threads"]), "results")]
    results = epoch["results"]
    peer = "plain loop (Conv1d)"
    rows.append(
        row(
            epoch,
            f"epoch of {epoch['structures']:,} structures, {epoch['n_bins']} bins",
            results["nanochart"]["seconds_per_epoch"],
            peer,
            results[peer]["seconds_per_epoch"],
            str(epoch["threads"]),
            "learning",
        )
    )
    times = gpu["milliseconds"]
    for peer in ("Conv1d (cuDNN), TF32, torch's default", "Conv1d (cuDNN, benchmark), float32",
                 "Conv1d, bf16 autocast"):  # fmt: skip
        rows.append(
            row(
                gpu | {"cpu": gpu["device"]},
                f"training step on a GPU, TF32, batch {gpu['batch']}, {gpu['n_bins']} bins",
                times[gpu["ours"]] * 1e-3,
                peer,
                times[peer] * 1e-3,
                "GPU",
                "learning",
            )
        )
    return rows


def mean_shift() -> list[Row]:
    """Return the rows of the families, at the middle one of three bandwidths."""
    shift = read("mean_shift")
    rows = []
    for sample in shift["results"].values():
        times = sample["bandwidth 0.3 sd"]["seconds"]
        ours = times["ours, every point a seed, 2 thread(s)"]
        for name, peer in (
            ("scikit-learn, bin seeding, 2 job(s)", "scikit-learn, bin seeding"),
            (
                "scikit-learn, every point a seed, 1 job(s), EXTRAPOLATED from the sample",
                "scikit-learn, every point a seed, 1 thread, extrapolated",
            ),
        ):
            what = f"mean shift of {sample['points']:,} points, every point a seed"
            rows.append(row(shift, what, ours, peer, times[name], "2", "families"))
    return rows


def row(
    raw: dict[str, Any], what: str, ours: float, peer: str, theirs: float, threads: str, page: str
) -> Row:
    """Return a row; machine and command are the raw output's."""
    return Row(what, ours, peer, theirs, threads, raw["cpu"], raw["command"], page)


def whole_runs() -> str:
    """Return what has no peer: whole jobs."""
    quick, report, described = read("au90-quick"), read("report-page"), read("describe")
    million, memory, gpu = read("mean_shift_million"), read("rdf_memory"), read("training_step_gpu")
    whole, job, shift = gpu["whole_training"], described["whole_job"], million["result"]
    frames = memory["results"][-1]
    seconds = sum(one["seconds"] for one in quick["stages"].values())
    rows = [
        ["`nanochart run examples/au90-quick.toml`", f"{seconds:.0f} s", machine(quick)],
        [
            f"the paper's network, {whole['structures']:,} structures, {whole['epochs']} epochs",
            f"{whole['seconds']:.0f} s",
            f"{gpu['device']}, torch {gpu['torch']}",
        ],
        [
            f"RDFs of {frames['frames']:,} frames of {memory['atoms']} atoms, streamed",
            f"{frames['frames'] / frames['frames per second']:.0f} s, "
            f"{frames['peak, MB']:.0f} MB at most",
            f"{memory['cpu']}, {memory['threads']} threads",
        ],
        [
            f"`classify` of {job['structures']:,} clusters of 147 atoms",
            f"{job['seconds']:.0f} s",
            f"{described['cpu']}, {job['threads']} threads",
        ],
        [
            f"mean shift of {shift['points']:,} points, every point a seed",
            f"{shift['seconds']:.0f} s, {shift['peak, MB']:.0f} MB at most",
            f"{million['cpu']}, {million['threads']} threads",
        ],
        [
            f"the report page of {report['structures']:,} structures",
            f"{max(report['seconds']):.0f} s",
            f"{report['cpu']}, {report['cores']} cores",
        ],
    ]
    return "## Whole jobs\n\n" + table(["job", "time", "machine"], rows)


if __name__ == "__main__":
    (ROOT / "docs" / "how-fast.md").write_text(page(), encoding="utf-8")
