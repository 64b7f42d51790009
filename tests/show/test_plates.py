"""All figures of a run: there or missing with a reason, never clipped, with their numbers."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from nanochart.errors import NanochartError
from nanochart.show.palette import family_colour
from nanochart.show.plates import Absent, Plate, chosen, write_plates
from nanochart.show.run_plates import run_plates
from nanochart.show.style import NARROW, WIDE
from nanochart.structure.classes import CLASS_NAMES

NAMES = [f"fig{name}" for name in ("1", "2", "3", "4a", "4b", "4c", "4d", "5")]
NAMES += [f"fig{name}" for name in ("6a", "6b", "6c", "6d", "S7", "S2", "S3", "S4")]
NAMES += ["heat-capacity", "loss", "swaps", "tree"]


def plates_of(content) -> dict[str, Plate | Absent]:
    return {plate.name: plate for plate in run_plates(content)}


def with_trajectory(content, trajectory, a_sight):
    return content(
        trajectory=trajectory(400),
        windows=((20.0, 30.0), (70.0, 80.0)),
        snapshots=(((22.0, a_sight(2)), (26.0, a_sight(2))), ()),
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_drawn_at_both_widths_and_nothing_is_clipped(
    name, content, trajectory, a_sight, clipped
):
    plates = plates_of(with_trajectory(content, trajectory, a_sight))
    assert list(plates) == NAMES
    plate = plates[name]
    assert isinstance(plate, Plate)
    for width in (WIDE, NARROW):
        figure = plate.draw(width)
        assert figure.get_figwidth() <= width + 1e-9
        assert clipped(figure) == []
    rows = list(plate.rows())
    assert rows
    assert {len(row) for row in rows} == {len(plate.header)}


def test_the_numbers_are_those_given(content):
    made_up = content()
    plates = plates_of(made_up)
    rows = [row for row in plates["fig4d"].rows() if row[1] == "Twin"]
    shares = [float(row[2]) for row in rows]
    np.testing.assert_allclose(shares, made_up.class_fractions[:, 2], atol=1e-6)
    errors = [float(row[3]) for row in rows]
    np.testing.assert_allclose(errors, made_up.class_errors[:, 2], atol=1e-6)
    points = list(plates["fig3"].rows())
    np.testing.assert_allclose(
        np.array([row[:3] for row in points], dtype=float), made_up.cvs, atol=1e-4
    )
    assert [row[3] for row in points] == made_up.family_ids.tolist()
    assert [row[4] for row in points] == [CLASS_NAMES[c] for c in made_up.unique_classes]
    heat = list(plates["heat-capacity"].rows())
    np.testing.assert_allclose([float(row[1]) for row in heat], made_up.heat.values, atol=1e-5)


def test_a_family_has_one_colour_in_all_figures(content):
    # Numbers with gaps: it is the number that counts, not the place.
    families = tuple(replace(one, id=5 * one.id) for one in content().families)
    plates = plates_of(content(families=families, family_ids=5 * content().family_ids, tree=None))
    assert {row[0]: row[1] for row in plates["fig4a"].rows()} == {
        5 * k: family_colour(5 * k) for k in range(4)
    }
    stack = plates["fig4c"].draw(WIDE).axes[0]
    bands = {to_hex(area.get_facecolor()[0]) for area in stack.collections}
    assert {family_colour(5 * k) for k in range(4)} <= bands


@pytest.mark.parametrize(
    ("changes", "name", "reason"),
    [
        ({"layers": ()}, "fig1", "not given"),
        ({"trajectory": None}, "fig6c", "No trajectory"),
        ({"families": (), "family_fractions": None, "family_errors": None}, "fig4b", "No families"),
        ({"families": (), "family_fractions": None, "family_errors": None}, "fig4a", "no families"),
        ({"family_fractions": None}, "fig4c", "not computed"),
        ({"class_fractions": None}, "fig4d", "not computed"),
        ({"scan": None}, "figS3", "not scanned"),
        ({"dimensions": None}, "figS2", "not trained"),
        ({"heat": None}, "heat-capacity", "not known"),
        ({"heat": None, "reasons": {"heat-capacity": "imported"}}, "heat-capacity", "imported"),
        ({"loss": None}, "loss", "no training history"),
        ({"swaps_attempted": np.zeros(4, int)}, "swaps", "No swaps"),
        ({"n_families": 1}, "tree", "One family alone"),
    ],
)
def test_what_is_missing_is_said_in_a_line(content, changes, name, reason):
    plate = plates_of(content(**changes))[name]
    assert isinstance(plate, Absent)
    assert reason in plate.reason
    assert "\n" not in plate.reason


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"n_temperatures": 1}, ["fig4c", "fig4d", "heat-capacity"]),
        ({"n_families": 1}, ["fig4a", "fig4b", "fig4c", "fig5", "figS4"]),
        ({"n_families": 100, "n_unique": 400}, ["fig4b", "fig4c", "figS4", "tree"]),
        ({"unique_classes": np.full(240, 5, np.int8)}, ["fig2", "fig3"]),
        ({"n_cvs": 2}, ["fig3", "fig4b", "figS4"]),
        ({"n_cvs": 1}, ["fig3", "fig4b"]),
        ({"cvs": np.ones((240, 3), np.float32)}, ["fig3", "fig4b"]),
    ],
)
def test_odd_runs_are_drawn_sensibly(content, changes, names, clipped):
    plates = plates_of(content(**changes))
    for name in names:
        plate = plates[name]
        assert isinstance(plate, Plate), name
        for width in (WIDE, NARROW):
            assert clipped(plate.draw(width)) == [], name


def test_a_hundred_families_take_several_sheets_and_few_bands(content):
    plates = plates_of(content(n_families=100, n_unique=400))
    sheets = [plates[name] for name in ("fig4a", "fig4a-2", "fig4a-3", "fig4a-4")]
    assert sum(len(list(sheet.rows())) for sheet in sheets) == 100
    numbers = [row[0] for sheet in sheets for row in sheet.rows()]
    assert numbers == list(range(100))
    groups = {row[1] for row in plates["fig4c"].rows()}
    assert any("small families" in group for group in groups)
    shares: dict[str, float] = {}
    for row in plates["fig4c"].rows():
        shares[row[0]] = shares.get(row[0], 0.0) + float(row[2])
    np.testing.assert_allclose(list(shares.values()), 1.0, atol=1e-4)


def test_figures_are_chosen_by_name(content):
    plates = run_plates(content())
    assert [one.name for one in chosen(plates, ["fig4"])] == ["fig4a", "fig4b", "fig4c", "fig4d"]
    assert [one.name for one in chosen(plates, ["figS4", "fig3"])] == ["figS4", "fig3"]
    assert chosen(plates, []) == plates
    with pytest.raises(NanochartError, match="no figure 'fig9'"):
        chosen(plates, ["fig9"])


def test_files_and_their_bytes(content, tmp_path):
    plates = chosen(run_plates(content()), ["loss", "fig6c"])
    told = write_plates(plates, tmp_path / "one", formats=("pdf", "svg", "png"))
    names = {path.name for path in (tmp_path / "one").iterdir()}
    kinds = ("pdf", "svg", "png")
    assert names == {"loss.csv", *(f"loss{w}.{k}" for k in kinds for w in ("", "-column"))}
    assert "No trajectory" in told[1]["absent"]
    with (tmp_path / "one" / "loss.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    np.testing.assert_allclose(
        [float(row["validation"]) for row in rows], content().loss.validation, rtol=1e-5
    )
    write_plates(chosen(run_plates(content()), ["loss"]), tmp_path / "two", formats=kinds)
    for name in sorted(names):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), (
            name
        )
    with pytest.raises(NanochartError, match="not 'gif'"):
        write_plates(plates, tmp_path / "three", formats=("gif",))
    assert not (tmp_path / "three").exists()
