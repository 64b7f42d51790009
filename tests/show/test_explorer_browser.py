"""The explorer in a real browser: pick, see, filter, search, play, drop, export, and one file."""

from __future__ import annotations

import csv
import io
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.io import read

from nanochart.progress import silent
from nanochart.show.explorer.server import ExplorerServer
from nanochart.show.explorer.static_page import write_static_page
from nanochart.structure.classes import CLASS_NAMES
from nanochart.workflow.explore import RunSource

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-swiftshader",
]
#: What a slow machine may need for anything on the page, ms.
PATIENCE = 30_000


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def source(charted_run: Path) -> RunSource:
    source = RunSource(charted_run)
    source.tell_words()
    return source


@pytest.fixture(scope="module")
def served(source: RunSource) -> Iterator[str]:
    with ExplorerServer(source) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.url
        server.shutdown()


@pytest.fixture
def opened(browser: Any, served: str) -> Iterator[Callable[..., Any]]:
    """Open the page; what goes wrong on it ends up in ``page.complaints``."""
    pages = []

    def open_page(url: str = served, width: int = 1280, height: int = 720, **options: Any) -> Any:
        page = browser.new_page(viewport={"width": width, "height": height}, **options)
        page.set_default_timeout(PATIENCE)
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on(
            "console",
            lambda note: page.complaints.append(note.text) if note.type == "error" else None,
        )
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith((url, "data:", "blob:"))
                else page.complaints.append(asked.url)
            ),
        )
        page.goto(url)
        page.wait_for_selector("html[data-ready]")
        page.wait_for_selector("#search[data-told]")
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()


def picture(page: Any, selector: str) -> np.ndarray:
    """An element as (height, width, 3) integers, once two pictures in a row are the same."""
    from PIL import Image

    before = None
    for _ in range(50):
        page.wait_for_timeout(90)
        png = page.locator(selector).screenshot()
        if png == before:
            break
        before = png
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def changed(before: np.ndarray, after: np.ndarray) -> float:
    """Share of pixels that differ clearly."""
    return float((np.abs(before - after).max(axis=2) > 24).mean())


def colours(image: np.ndarray) -> int:
    return len(np.unique(image.reshape(-1, 3), axis=0))


def shown(page: Any) -> int:
    """The number of structures that the head of the page tells."""
    return int(page.locator("#count").inner_text().split(" ")[0].replace(",", ""))


def current_row(page: Any) -> int:
    """The row of the landscape of the structure in the viewer."""
    text = page.locator("#about dd.span").last.inner_text()
    return int(text.split(" ")[0].replace(",", ""))


def pick_in_the_middle(page: Any) -> None:
    page.locator("#chart").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#about h2")


def words_of(source: RunSource, row: int) -> tuple[str, str]:
    words = source.words()
    return words.texts[words.index[int(np.flatnonzero(source.points().rows == row)[0])]]


def test_a_point_is_a_structure_in_the_hand(opened: Any, source: RunSource) -> None:
    page = opened()
    assert shown(page) == len(source.points())
    chart = picture(page, "#stage")
    assert colours(chart) > 100
    pick_in_the_middle(page)
    name, sentence = words_of(source, current_row(page))
    assert page.locator("#about h2").inner_text() == name
    assert page.locator("#about > p").first.inner_text() == sentence
    atoms = picture(page, "#viewer")
    assert colours(atoms) > 500
    assert page.locator("#rdf svg path").count() == 3  # band, median, its own
    assert page.locator("#near button").count() == 5
    assert page.locator("#atom-legend span").count() >= 2

    page.locator("#atoms").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    turned = picture(page, "#viewer")
    assert changed(atoms, turned) > 0.05
    page.keyboard.press("0")
    assert changed(atoms, picture(page, "#viewer")) == 0
    page.locator("#auto-cut").click()
    cut = picture(page, "#viewer")
    assert changed(atoms, cut) > 0.1
    page.locator("#auto-cut").click()
    for control, value in (("#clarity", "0.1"), ("#ball", "0.25"), ("#cut", "0.2")):
        page.locator(control).fill(value)
        assert changed(atoms, picture(page, "#viewer")) > 0.05
    page.select_option("#atom-colour", "neighbours")
    assert "neighbours" in page.locator("#atom-legend").inner_text()

    page.locator("#keep").click()
    page.locator("#near button").first.click()
    page.wait_for_selector("#labels span:nth-of-type(2)")
    assert page.locator("#labels span").count() == 2
    before = picture(page, "#stage")
    page.locator("#chart").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("+")
    assert changed(before, picture(page, "#stage")) > 0.01
    assert page.complaints == []


def test_filters_show_what_they_say(opened: Any, source: RunSource) -> None:
    page, points = opened(), source.points()
    twins = points.cluster_class == CLASS_NAMES.index("Twin")
    entry = page.locator("#legend button", has_text="Twin")
    entry.click()
    assert shown(page) == twins.sum()
    assert entry.get_attribute("aria-pressed") == "true"
    page.select_option("#range-property", "energy")
    page.locator("#range-high").fill("1.5")
    page.get_by_role("button", name="Add").click()
    low = points.energy - points.energy.min() <= 1.5
    assert shown(page) == (twins & low).sum()
    assert page.locator("#chips button").count() == 3
    page.get_by_role("button", name="clear all").click()
    assert shown(page) == len(points)

    largest = points.families[0]
    page.locator(".family button").first.click()
    assert shown(page) == (points.family == largest.id).sum() == largest.n_snapshots
    page.keyboard.press("Escape")
    assert shown(page) == len(points)
    page.select_option("#domain", "0")
    outside = int((~points.inside).sum())
    assert ("Nothing" in page.locator("#count").inner_text()) if not outside else True
    page.select_option("#domain", "")

    before = picture(page, "#chart")
    page.select_option("#colour-by", "energy")
    assert changed(before, picture(page, "#chart")) > 0.005
    assert "eV" in page.locator("#legend").inner_text()
    page.select_option("#colour-by", "count:fcc atoms")
    page.select_option("#colour-by", "family")
    page.locator(".family .look").first.click()
    page.wait_for_selector("#labels span:nth-of-type(1)")
    assert page.locator("#labels span").count() == min(6, largest.n_unique)
    assert page.complaints == []


def test_words_are_searched_and_temperatures_picked(opened: Any, source: RunSource) -> None:
    page, points, words = opened(), source.points(), source.words()
    texts = [f"{name} {sentence}".lower() for name, sentence in words.texts]
    for term in ("decahedron", "island", "hcp plane"):
        page.locator("#search").fill(term)
        holds = np.array([all(part in text for part in term.split()) for text in texts])
        expected = int(holds[words.index].sum())
        page.wait_for_selector(f"#chips button[title*='{term}']")
        assert 0 < expected == shown(page)
    page.locator("#search").fill("no such words")
    page.wait_for_selector("#chips button[title*='no such']")
    assert "Nothing" in page.locator("#count").inner_text()
    page.locator("#search").fill("")
    page.wait_for_selector("#chips:empty", state="attached")

    page.locator("#temperature").fill("20")
    assert shown(page) == (points.temperature == 20).sum()
    assert page.locator("#temperature-now").inner_text() == f"{points.temperatures[20]:g} K"
    page.locator("#temperature").fill("-1")
    box = page.locator("#populations svg").bounding_box()
    page.mouse.click(box["x"] + 0.99 * box["width"], box["y"] + 30)
    assert shown(page) == (points.temperature == points.temperature.max()).sum()
    assert page.locator("#populations .picked").count() == 1
    assert page.locator("#populations .area").count() == len(np.unique(points.cluster_class))
    assert page.complaints == []


def test_a_trajectory_plays_with_its_transitions(opened: Any, source: RunSource) -> None:
    page, points = opened(), source.points()
    replica = int(np.bincount(points.walker).argmax())
    own = np.flatnonzero(points.walker == replica)
    page.select_option("#path-of", str(replica))
    assert page.locator("#time").get_attribute("max") == str(len(own) - 1)
    page.wait_for_selector("#about h2")
    first = points.rows[own[np.argmin(points.time[own])]]
    assert current_row(page) == first

    a, b = (np.asarray(family.centre) for family in points.families[:2])
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["file", "frame", "cv1", "cv2", "cv3", "family", "inside", "error"])
    for frame in range(400):
        centre, family = (a, 0) if frame < 250 else (b, 1)
        if frame == 100:
            family = 1  # a moment: no transition
        writer.writerow(["a, b.xyz", frame, *(centre + 0.01 * np.sin(frame)), family, 1, 0.1])
    drop(page, "path.csv", table.getvalue())
    page.wait_for_selector("#time[max='399']")
    assert page.locator("#ticks i").count() == 1
    assert "frame 250" in page.locator("#transitions option").nth(1).inner_text()
    page.select_option("#transitions", "250")
    assert page.locator("#time").input_value() == "250"
    before = picture(page, "#stage")
    page.locator("#time").fill("0")
    page.select_option("#speed", "16")
    page.locator("#play").click()
    page.wait_for_selector("#play[aria-pressed='false']")  # played to its end
    assert page.locator("#time").input_value() == "399"
    assert changed(before, picture(page, "#stage")) > 0
    page.locator("#close-path").click()
    assert page.locator("#player").is_hidden()
    drop(page, "bad.csv", "x,y\n1,2\n")
    page.wait_for_selector("#trouble:not([hidden])")
    assert "no table of nanochart project" in page.locator("#trouble").inner_text()
    assert page.complaints == []


def drop(page: Any, name: str, text: str) -> None:
    """Drop a file on the page."""
    page.evaluate(
        """([name, text]) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([text], name));
          window.dispatchEvent(new DragEvent("drop", { dataTransfer }));
        }""",
        [name, text],
    )


def xyz(positions: np.ndarray) -> str:
    lines = "\n".join("Au " + " ".join(f"{x:.6f}" for x in atom) for atom in positions)
    return f"{len(positions)}\n\n{lines}\n"


def test_a_dropped_structure_is_named_placed_and_flagged(opened: Any, source: RunSource) -> None:
    page = opened()
    row = int(source.points().rows[42])
    positions = source.structures(np.array([42])).positions[0].astype(float)
    drop(page, "mine.xyz", xyz(positions[::-1] + 5.0))
    page.wait_for_selector("#about h2")
    assert page.locator("#about h2").inner_text() == words_of(source, row)[0]
    assert "mine.xyz, frame 0" in page.locator("#about").inner_text()
    cvs = [
        float(value.replace("−", "-"))
        for value in page.locator("#about dt:text-is('chart') + dd").inner_text().split(", ")
    ]
    np.testing.assert_allclose(cvs, source.points().cvs[42], rtol=1e-3)
    assert page.locator("#about dt:text-is('domain') + dd").inner_text() == "inside"
    drop(page, "swollen.xyz", xyz(1.2 * positions))
    page.wait_for_selector("#about .flag:has-text('Outside')")
    assert page.complaints == []
    drop(page, "small.xyz", xyz(positions[:20]))
    page.wait_for_selector("#trouble:not([hidden])")
    assert "20 atoms, expected 90" in page.locator("#trouble").inner_text()


def test_what_is_shown_can_be_taken_away(opened: Any, source: RunSource, tmp_path: Path) -> None:
    from PIL import Image

    page, points = opened(), source.points()
    page.locator("#legend button", has_text="Fcc").click()
    fcc = np.flatnonzero(points.cluster_class == CLASS_NAMES.index("Fcc"))

    def exported(kind: str) -> Path:
        page.locator("#export summary").click()
        with page.expect_download() as waiting:
            page.locator(f"[data-export={kind}]").click()
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    frames = read(exported("extxyz"), index=":")
    assert [frame.info["row"] for frame in frames] == points.rows[fcc].tolist()
    stored = source.structures(fcc[:1])
    np.testing.assert_allclose(frames[0].positions, stored.positions[0], atol=1e-5)
    assert frames[0].get_potential_energy() == pytest.approx(points.energy[fcc[0]], abs=1e-4)
    assert frames[0].arrays["environment"].tolist() == stored.environment[0].tolist()
    chemiscope = json.loads(exported("chemiscope").read_text())
    assert [one["size"] for one in chemiscope["structures"]] == [90] * len(fcc)
    assert len(chemiscope["properties"]["cv1"]["values"]) == len(fcc)
    assert len(chemiscope["properties"]["environment"]["values"]) == 90 * len(fcc)
    with exported("table").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["row"]) for row in rows] == points.rows[fcc].tolist()
    pick_in_the_middle(page)
    for kind in ("chart", "structure"):
        assert colours(np.asarray(Image.open(exported(kind)).convert("RGB"))) > 100
    assert page.complaints == []


def test_one_file_works_without_a_server(opened: Any, source: RunSource, tmp_path: Path) -> None:
    path = tmp_path / "au90.html"
    write_static_page(path, source, silent)
    page = opened(path.as_uri())
    assert shown(page) == len(source.points())
    assert colours(picture(page, "#stage")) > 100
    pick_in_the_middle(page)
    name, _ = words_of(source, current_row(page))
    assert page.locator("#about h2").inner_text() == name
    assert colours(picture(page, "#viewer")) > 500
    page.locator("#search").fill("decahedron")
    page.wait_for_selector("#chips button[title*='decahedron']")
    assert 0 < shown(page) < len(source.points())
    drop(page, "mine.xyz", "90\n")
    page.wait_for_selector("#trouble:not([hidden])")
    assert "nanochart explore" in page.locator("#trouble").inner_text()
    assert page.complaints == []


def test_a_phone_in_the_dark_and_the_keyboard_alone(opened: Any) -> None:
    page = opened(width=375, height=720, color_scheme="dark", has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(c) for c in ground[4:-1].split(",")) < 60
    pick_in_the_middle(page)
    assert colours(picture(page, "#viewer")) > 300
    page.close()

    page = opened()
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    wanted = {"search", "colour-by", "distinct", "look", "chart", "reset-chart", "temperature"}
    assert wanted | {"atoms", "cut", "auto-cut", "clarity"} <= reached
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    assert page.complaints == []


def test_a_landscape_deleted_under_the_page_is_told(
    opened: Any, charted_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(charted_run, folder)
    source = RunSource(folder)
    source.tell_words()
    with ExplorerServer(source) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        page = opened(server.url)
        shutil.rmtree(folder / "landscape")
        page.locator("#chart").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#trouble:not([hidden])")
        assert "gone or damaged" in page.locator("#trouble").inner_text()
        page.locator("#legend button").first.click()  # what is there still works
        assert 0 < shown(page) < 256
        server.shutdown()
