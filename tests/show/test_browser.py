"""The page in a real browser: it draws, turns, recolours, isolates and explains its points."""

from __future__ import annotations

import io

import numpy as np
import pytest

from nanochart.show.report import write_report

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WITHOUT_WEBGL = """
const getContext = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind.startsWith("webgl") ? null : getContext.call(this, kind, ...rest);
};"""
# Shaders that do not compile: the canvas has a WebGL context, but nothing can be drawn with it.
BROKEN_WEBGL = "WebGLRenderingContext.prototype.shaderSource = () => {};"


@pytest.fixture
def browser(require_oracle, chromium_path):
    with require_oracle("playwright.sync_api").sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, tmp_path, content):
    """Open a report; what goes wrong on the page ends up in ``page.complaints``."""

    def open_page(script: str = "", width: int = 1280, **options):
        path = write_report(tmp_path / "report.html", content(n_unique=1200, n_families=5))
        page = browser.new_page(viewport={"width": width, "height": 800}, **options)
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on(
            "console",
            lambda note: page.complaints.append(note.text) if note.type == "error" else None,
        )
        page.on(
            "request",
            lambda asked: (
                page.complaints.append(asked.url) if not asked.url.startswith("file:") else None
            ),
        )
        if script:
            page.add_init_script(script)
        page.goto(path.as_uri())
        page.locator(".stage").scroll_into_view_if_needed()
        page.wait_for_timeout(150)
        return page

    return open_page


def picture(page) -> np.ndarray:
    """The stage as (height, width, 3) integers."""
    from PIL import Image

    page.wait_for_timeout(120)
    image = Image.open(io.BytesIO(page.locator(".stage").screenshot())).convert("RGB")
    return np.asarray(image).astype(int)


def changed(before: np.ndarray, after: np.ndarray) -> float:
    """Share of pixels that differ clearly."""
    return float((np.abs(before - after).max(axis=2) > 24).mean())


def middle(page) -> tuple[float, float]:
    box = page.locator(".stage").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize(
    ("script", "renderer"), [("", "webgl"), (WITHOUT_WEBGL, "2d"), (BROKEN_WEBGL, "2d")]
)
def test_the_chart_draws_turns_recolours_and_isolates(opened, script, renderer):
    page = opened(script)
    assert page.locator("#chart3d").get_attribute("data-renderer") == renderer
    first = picture(page)
    assert len(np.unique(first.reshape(-1, 3), axis=0)) > 200

    x, y = middle(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 120, y + 30, steps=4)
    page.mouse.up()
    page.mouse.move(x, 5)
    turned = picture(page)
    assert changed(first, turned) > 0.02
    page.get_by_role("button", name="Reset view").click()
    assert changed(first, picture(page)) == 0

    page.get_by_role("button", name="family", exact=True).click()
    by_family = picture(page)
    assert changed(first, by_family) > 0.01
    page.get_by_role("button", name="energy", exact=True).click()
    assert changed(by_family, picture(page)) > 0.01
    page.get_by_role("button", name="class", exact=True).click()

    entry = page.locator(".legend button").first
    entry.click()
    assert entry.get_attribute("aria-pressed") == "true"
    assert changed(first, picture(page)) > 0.01
    entry.click()
    assert changed(first, picture(page)) == 0
    assert page.complaints == []


def test_hovering_names_the_structure(opened, content):
    page = opened()
    x, y = middle(page)
    tip = page.locator(".tip")
    for dx in range(-200, 200, 5):
        page.mouse.move(x + dx, y)
        if tip.is_visible():
            break
    number, kind, family, energy = tip.locator("div").all_inner_texts()
    made_up = content(n_unique=1200, n_families=5)
    i = int(number.removeprefix("Structure ").replace(",", ""))
    assert kind == ("Dh", "Ih", "Twin", "Fcc", "Mix")[made_up.unique_classes[i]]
    assert family == f"{made_up.family_ids[i]} blob {made_up.family_ids[i]}"
    assert energy.startswith(f"{made_up.energies[i]:.4f} eV")
    page.mouse.move(x, 2)
    assert not tip.is_visible()


def test_wheel_and_keys_move_the_chart_only_once_it_was_chosen(opened):
    page = opened()
    x, y = middle(page)
    first = picture(page)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(300)
    page.locator(".stage").scroll_into_view_if_needed()
    page.mouse.move(x, 2)
    assert changed(first, picture(page)) < 0.001
    canvas = page.locator(".stage canvas").nth(1)
    canvas.focus()
    canvas.hover()
    page.mouse.wheel(0, -300)
    page.mouse.move(x, 2)
    zoomed = picture(page)
    assert changed(first, zoomed) > 0.02
    page.keyboard.press("0")
    assert changed(zoomed, picture(page)) > 0.02
    page.keyboard.press("ArrowRight")
    assert changed(first, picture(page)) > 0.005
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.legend') !== null")


def test_a_phone_in_the_dark_shows_all_without_sideways_scrolling(opened):
    page = opened(width=375, color_scheme="dark", has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert max(int(c) for c in ground[4:-1].split(",")) < 60
    assert page.locator("figure .narrow svg").first.is_visible()
    assert not page.locator("figure .wide svg").first.is_visible()
    first = picture(page)
    x, y = middle(page)
    page.touchscreen.tap(x, y)
    assert changed(first, picture(page)) < 0.2
    assert page.complaints == []


def test_a_card_has_a_link_and_shows_its_family_on_the_chart(opened):
    page = opened()
    page.goto(page.url.split("#")[0] + "#family-2")
    page.wait_for_timeout(400)
    card = page.locator("#family-2")
    # Scrolled to: at the top, or as near to it as the end of the page allows.
    assert page.evaluate("scrollY") > 0
    assert -1 <= card.bounding_box()["y"] < page.viewport_size["height"] / 2 + 100
    images = card.locator("img")
    assert images.count() == 2
    for k in range(2):
        assert images.nth(k).evaluate("one => one.complete && one.naturalWidth > 0")
    card.get_by_role("button", name="show on the chart").click()
    pressed = page.locator(".legend [aria-pressed=true]")
    assert pressed.count() == 1
    assert pressed.inner_text().startswith("2 blob 2")
    assert page.locator("[data-mode=family]").get_attribute("aria-pressed") == "true"
    assert page.complaints == []


def test_on_paper_all_is_there(opened, tmp_path):
    page = opened()
    page.emulate_media(media="print")
    assert page.locator("figure .wide svg").first.is_visible()
    assert not page.locator("nav").is_visible()
    assert not page.get_by_role("button", name="show on the chart").first.is_visible()
    assert page.locator("#family-0 img").first.is_visible()
    path = tmp_path / "report.pdf"
    page.pdf(path=path, format="A4")
    assert path.read_bytes().startswith(b"%PDF")
