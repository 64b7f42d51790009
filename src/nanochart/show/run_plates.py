"""The figures of a run, in the order of the paper, then what the paper has not.

Numbered as in the paper; figS4 stands for its S4-S6, whatever the system.
"""

from __future__ import annotations

from nanochart.show.chart_plates import class_chart_plate, family_chart_plate
from nanochart.show.content import ReportContent
from nanochart.show.family_plates import family_sheets, selected_sections
from nanochart.show.learning_plates import (
    dimensions_plate,
    loss_plate,
    network_plate,
    scan_plate,
    tree_plate,
)
from nanochart.show.plates import Absent, Plate
from nanochart.show.sampling_plates import (
    class_population_plate,
    family_population_plate,
    heat_capacity_plate,
    rdf_plate,
    swap_plate,
)
from nanochart.show.sights import Renderer
from nanochart.show.trajectory_plates import trajectory_plates


def run_plates(content: ReportContent, *, renderer: Renderer = "built-in") -> list[Plate | Absent]:
    """Return every figure of a run, or why it is not there.

    Parameters
    ----------
    content
        Of the run.
    renderer
        Of the structures' pictures: built in, or OVITO's ray tracer.
    """
    return [
        network_plate(content),
        rdf_plate(content),
        class_chart_plate(content),
        *family_sheets(content, renderer),
        family_chart_plate(content),
        family_population_plate(content),
        class_population_plate(content),
        selected_sections(content, renderer),
        *trajectory_plates(content, renderer),
        dimensions_plate(content),
        scan_plate(content),
        family_chart_plate(content, "figS4"),
        heat_capacity_plate(content),
        loss_plate(content),
        swap_plate(content),
        tree_plate(content),
    ]
