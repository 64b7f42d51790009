from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from nanochart.errors import NanochartError
from nanochart.show import report_families, report_sections
from nanochart.show.content import StageTiming
from nanochart.show.palette import family_colour
from nanochart.show.report import write_report

VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """The page as a reader of HTML sees it: links, text, and tags that close as they should."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text.append(text)

    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def chart_data(text: str) -> dict:
    return json.loads(re.search(r'id="chart-data">(.*?)</script>', text, re.S)[1])


def unpack(data: dict, name: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(data[name]), dtype)


@pytest.fixture(autouse=True)
def quick_drawings(request, monkeypatch):
    """Leave the drawing away but where the test is about it: it takes seconds a page."""
    monkeypatch.setattr(report_families, "_PIXELS", 24)
    if "drawn" in request.keywords:
        return
    for module in (report_sections, report_families):
        monkeypatch.setattr(module, "figure", lambda plate: getattr(plate, "reason", plate.name))
    monkeypatch.setattr(report_families, "_curves", lambda *_: "")


@pytest.fixture
def made(tmp_path):
    """Give the text of a page and the page as parsed."""

    def make(content):
        text = write_report(tmp_path / "report.html", content).read_text(encoding="utf-8")
        return text, Page(text)

    return make


@pytest.mark.drawn
def test_the_page_closes_its_tags_asks_no_network_and_is_the_same_each_time(made, content):
    text, page = made(content())
    assert made(content())[0] == text
    assert page.open == []
    for _, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "action", "srcset"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
    assert not re.search(r"@import|url\((?!#)", text)
    assert "default-src 'none'" in text
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_hostile_strings_stay_text(made, content, hostile):
    text, page = made(
        content(
            title=hostile,
            command=hostile,
            run_file=hostile,
            cautions=(hostile,),
            provenance={hostile: hostile},
            timings=(StageTiming(hostile, 1.0),),
            families=tuple(replace(f, name=hostile, words=hostile) for f in content().families),
        )
    )
    assert page.open == []
    pictures = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    assert all(source.startswith("data:image/png;base64,") for source in pictures)
    assert not [attributes for _, attributes in page.tags if "onerror" in attributes]
    assert text.count("<script") == 2
    assert chart_data(text)["familyLabels"][0] == f"0 {hostile}"
    assert page.words().count(hostile) >= 7


def test_the_table_counts_snapshots_and_stands_beside_the_paper(made, content):
    made_up = content()
    _, page = made(made_up)
    words, count = page.words(), int((made_up.snapshot_classes == 2).sum())
    # "Twin" row: all snapshots, distinct, and the paper's numbers for Au90 (SI 1.2).
    assert re.search(rf"Twin {count:,} \d+ % 60 25 % 83,471 9.1 % 5,946 12 %", words)
    assert "The paper names 27 major families" in words
    _, other = made(content(species="Ni"))
    assert "83,471" not in other.words()
    _, copper = made(content(species="Cu", n_atoms=147))
    assert "add up to 224,000" in copper.words()


def test_the_chart_holds_the_points_given(made, content):
    made_up = content()
    data = chart_data(made(made_up)[0])
    low, high = np.array(data["low"]), np.array(data["high"])
    points = unpack(data, "cvs", "<u2").reshape(-1, 3) / 65535 * (high - low) + low
    np.testing.assert_allclose(points, made_up.cvs, atol=(high - low).max() / 65535)
    energies = unpack(data, "energies", "<f4") + data["lowestEnergy"]
    np.testing.assert_allclose(energies, made_up.energies, atol=1e-6)
    np.testing.assert_array_equal(unpack(data, "classes", "u1"), made_up.unique_classes)
    np.testing.assert_array_equal(unpack(data, "families", "<u2"), made_up.family_ids)


def test_structures_without_a_family_get_the_last_label(made, content):
    ids = np.where(np.arange(240) < 9, -1, content().family_ids)
    data = chart_data(made(content(family_ids=ids))[0])
    assert data["familyLabels"][-1] == "no family"
    assert (unpack(data, "families", "<u2")[:9] == len(data["familyLabels"]) - 1).all()


def test_too_many_points_are_thinned_evenly_and_the_page_says_so(made, content, monkeypatch):
    monkeypatch.setattr(report_sections, "MAX_POINTS", 100)
    made_up = content()
    text, page = made(made_up)
    data = chart_data(text)
    assert data["total"] == 240
    # The script names point i structure floor(i * total / n).
    rows = [i * 240 // 100 for i in range(100)]
    np.testing.assert_array_equal(unpack(data, "classes", "u1"), made_up.unique_classes[rows])
    assert "Of 240 distinct structures 100 are shown" in page.words()


def test_no_words_no_column(made, content):
    assert "what it is" in made(content())[1].words()
    silent = tuple(replace(family, name="", words="") for family in content().families)
    assert "what it is" not in made(content(families=silent))[1].words()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"n_temperatures": 1}, "250 K"),
        ({"n_families": 1}, "1 family"),
        ({"n_families": 100, "n_unique": 400}, "70 smaller families"),
        ({"loss": None}, "no training history"),
        ({"scan": None}, "not scanned"),
        ({"swaps_attempted": np.zeros(4, int)}, "No swaps were attempted"),
        ({"swaps_attempted": None}, "their swaps are not known"),
        ({"class_fractions": None, "family_fractions": None}, "by class were not computed"),
        ({"class_errors": None, "family_errors": None, "temperature_counts": None}, "Populations"),
        ({"cautions": (), "timings": (), "provenance": {}}, "No stage was timed"),
        ({"unique_classes": np.full(240, 5, np.int8)}, "1 structural class"),
        ({"cvs": np.ones((240, 3), np.float32)}, "The chart"),
        (
            {"families": (), "family_fractions": None, "family_errors": None},
            "No families were found",
        ),
    ],
)
def test_what_is_missing_is_said(made, content, changes, line):
    _, page = made(content(**changes))
    assert page.open == []
    assert line in page.words()


def test_a_loss_without_pca(made, content):
    loss = replace(content().loss, pca_mse=None, pca_r2=None, r2=None, halvings=())
    assert "Linear PCA" not in made(content(loss=loss))[1].words()


def test_nothing_at_all_still_makes_a_page(made, content):
    none = np.zeros(0, np.int8)
    empty = content(
        snapshot_classes=none,
        snapshot_temperatures=none,
        unique_classes=none,
        rdf=np.zeros((0, 40)),
        cvs=np.zeros((0, 3)),
        family_ids=none,
        energies=np.zeros(0),
        families=(),
        family_fractions=None,
        family_errors=None,
    )
    assert "No snapshots" in made(empty)[1].words()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"energies": np.zeros(3)}, "energies has shape"),
        ({"rdf": np.zeros((240, 3))}, "rdf has shape"),
        ({"class_fractions": np.zeros((5, 2))}, "class_fractions has shape"),
        ({"swaps_accepted": np.zeros(9)}, "swaps_accepted has shape"),
        ({"temperatures": np.array([5.0, 4, 3, 2, 1])}, "must increase"),
        ({"snapshot_temperatures": np.full(1200, 300)}, "not kelvin"),
        ({"energies": np.full(240, np.inf)}, "energies are not all finite"),
        ({"unique_classes": np.full(240, -1)}, "codes outside"),
        ({"cvs": np.full((240, 3), np.nan)}, "finite"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    tmp_path, content, changes, message
):
    with pytest.raises(NanochartError, match=message):
        write_report(tmp_path / "report.html", content(**changes))
    assert not list(tmp_path.iterdir())


def test_every_major_family_has_a_card_with_a_link_of_its_own(made, content):
    families = tuple(replace(one, major=one.id != 3) for one in content().families)
    text, page = made(content(families=families))
    cards = [a["id"] for tag, a in page.tags if tag == "article"]
    assert sorted(cards) == ["family-0", "family-1", "family-2"]
    links = [a.get("href") for tag, a in page.tags if tag == "a"]
    for card in cards:
        assert links.count(f"#{card}") == 2  # from the index, and of itself
    assert "#family-3" not in links
    pictures = [a for tag, a in page.tags if tag == "img"]
    assert len(pictures) == 6
    assert all("nearest to the centre" in (a["alt"] or "") for a in pictures)
    assert [a["data-family"] for _, a in page.tags if "data-family" in a] == [c[7:] for c in cards]
    assert chart_data(text)["familyIds"] == [0, 1, 2, 3]


def test_families_have_one_colour_on_the_whole_page(made, content):
    # Numbers with a gap: the colour is the number's, not the place's.
    families = tuple(replace(one, id=7 * one.id) for one in content().families)
    ids = 7 * content().family_ids
    text, _ = made(content(families=families, family_ids=ids, tree=None))
    assert chart_data(text)["familyColours"][:4] == [family_colour(7 * k) for k in range(4)]
    card = text[text.index('id="family-21"') :]
    assert family_colour(21) in card[: card.index("</h4>")]


def test_what_has_no_picture_goes_without(made, content):
    families = tuple(replace(one, sight=None) for one in content().families)
    _, page = made(content(families=families))
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert len([tag for tag, _ in page.tags if tag == "article"]) == 4


def test_very_many_families_leave_the_small_ones_to_the_index(made, content, monkeypatch):
    monkeypatch.setattr(report_families, "MOST_CARDS", 5)
    _, page = made(content(n_families=12))
    assert len([tag for tag, _ in page.tags if tag == "article"]) == 5
    assert "7 smaller major families" in page.words()
