"""Write docs/charts.md, the cards of the charts that ship: run it without arguments."""

from __future__ import annotations

from typing import Any

from make_results_page import ROOT, read, table

from nanochart.chart.chart import THERMAL, Chart, load_chart, shipped_charts

SOURCE = "potential's source"
HEAD = """\
# Charts that ship

```python run
import nanochart as nc

chart = nc.load_chart("au147")  # of minima; "au147-thermal" takes hot configurations
print(chart.families[0].name, len(chart.families.major))
```

The verbs take these names, too: `nanochart project au90 minima.extxyz -o path.csv`. A file of the
same name comes first. This page is made by `docs/make_charts_page.py` from the charts themselves.

All are of short PTMD runs (2 to 5 ns a replica, every replica started from one of several motifs,
a snapshot each 10 ps), sampled beforehand and **not in equilibrium**: what such runs did not reach
is outside the charts' domain. The network is the compact one (docs/learning.md). Charts of longer
runs will take their places under the same names.
"""

THERMAL_TEXT = """\
A thermal chart is a new encoder before the decoder of the chart of minima, trained to give the RDF
of the minimum that a hot configuration quenches to; so its CVs and families are those of that chart
(docs/methods.md). How often a held-out hot structure lands in the family of its minimum (nearest
centre, major and minor), blocks of time held out; beside it, the chart of minima given the same
hot structures. Quenching first gives 100 % by definition, at some 10 ms a structure instead of
0.1 ms.
"""


def page() -> str:
    """Return the page."""
    charts = {name: load_chart(path) for name, path in shipped_charts().items()}
    cards = [card(name, chart) for name, chart in charts.items() if chart.mode != THERMAL]
    return "\n".join([HEAD, overview(charts), *cards, "## Hot configurations\n", *hot(charts)])


def overview(charts: dict[str, Chart]) -> str:
    """Return the table of all charts."""
    rows: list[list[Any]] = []
    for name, chart in charts.items():
        training = chart.provenance["training"]
        families = chart.families
        assert families is not None
        rows.append(
            [
                f"`{name}`",
                f"{chart.species}{chart.n_atoms}",
                chart.mode,
                f"{training['n_training']:,} + {training['n_validation']:,}",
                f"{training['best_loss']:.5f}",
                f"{training['validation_r2']:.3f}",
                f"{len(families.major)} of {len(families)}",
                f"{shipped_charts()[name].stat().st_size / 1e6:.1f}",
            ]
        )
    head = ["name", "of", "mode", "trained on + held out", "loss", "R²", "major families", "MB"]
    return table(head, rows)


def card(name: str, chart: Chart) -> str:
    """Return what is to be known of a chart of minima."""
    training, families = chart.provenance["training"], chart.families
    assert families is not None
    settings = training["settings"]
    points = chart.basis.points
    rows = [
        [
            one.id,
            one.name,
            one.macro_family,
            f"{one.size:,}",
            "" if one.stability is None else f"{one.stability:.2f}",
        ]
        for one in families.major
    ]
    return (
        f"## `{name}`\n\n"
        f"{chart.species}{chart.n_atoms}, potential {chart.provenance['potential']} "
        f"({chart.provenance[SOURCE]}). RDF from "
        f"{points[0]:.2f} to {points[-1]:.2f} Å, bandwidth {chart.bandwidth:g} Å. "
        f"{settings['epochs']} epochs, the best at {training['best_epoch'] + 1}; linear PCA with "
        f"three components leaves {training['pca_loss']:.5f} on the same split. Families by mean "
        f"shift at {families.bandwidth:.3f}; stability as in docs/families.md, doubtful below "
        "0.6.\n\n" + table(["family", "name", "kind", "structures", "stability"], rows)
    )


def hot(charts: dict[str, Chart]) -> list[str]:
    """Return what is to be known of the thermal charts."""
    rows: list[list[Any]] = []
    parts = []
    for name, chart in charts.items():
        if chart.mode != THERMAL:
            continue
        found = read(name)
        rows.append(
            [
                f"`{name}`",
                f"{found['trained_on']:,}",
                f"{found['held_out']:,}",
                f"{100 * found['same_family']:.0f} %",
                f"{100 * found['same_family_quenched_chart']:.0f} %",
            ]
        )
        every = found["temperatures"][:: max(1, len(found["temperatures"]) // 8)]
        parts.append(
            f"`{name}`, by temperature:\n\n"
            + table(
                ["T / K", *(f"{one['temperature']:.0f}" for one in every)],
                [
                    ["held out", *(one["n"] for one in every)],
                    ["thermal chart, %", *(f"{100 * one['thermal']:.0f}" for one in every)],
                    [
                        "chart of minima, %",
                        *(f"{100 * one['quenched_chart']:.0f}" for one in every),
                    ],
                ],
            )
        )
    return [
        THERMAL_TEXT,
        "```bash\nnanochart thermal au147 -o au147-thermal.safetensors\n```\n",
        table(
            [
                "",
                "pairs trained on",
                "held out",
                "in its minimum's family",
                "by the chart of minima",
            ],
            rows,
        ),
        *parts,
    ]


if __name__ == "__main__":
    (ROOT / "docs" / "charts.md").write_text(page(), encoding="utf-8")
