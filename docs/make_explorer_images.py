"""Take the pictures of docs/explorer.md: the explorer of a finished run, in a real browser.

    python docs/make_explorer_images.py RUN_FOLDER [NAME ...]

Needs Chromium and playwright. Writes docs/images/explorer-*.png.
"""

from __future__ import annotations

import io
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from nanochart.show.explorer.server import ExplorerServer
from nanochart.workflow.explore import RunSource

IMAGES = Path(__file__).parent / "images"
ARGUMENTS = ["--headless", "--no-sandbox", "--enable-unsafe-swiftshader", "--disable-quic"]
NAMES = {"structure", "compare", "search", "trajectory", "phone"}
#: Bytes of a picture: shades are made coarser until it is smaller.
LARGEST = 195_000


def save(page: Page, name: str) -> None:
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(1200)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = IMAGES / f"explorer-{name}.png"
    for step in (1, 3, 5, 9, 15):
        image.point([min(255, step * round(v / step)) for v in range(256)] * 3).save(
            path, optimize=True
        )
        if path.stat().st_size <= LARGEST:
            return


def open_page(browser: Any, url: str, **options: Any) -> Page:
    page: Page = browser.new_page(**options)
    page.goto(url)
    page.wait_for_selector("#search[data-told]", timeout=120_000)
    return page


def search(page: Page, words: str) -> None:
    """Search, and pick a structure of those found."""
    page.locator("#search").fill(words)
    page.wait_for_selector(f"#chips button[title*='{words}']")
    page.locator("#chart").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#about h2")


def family_like(page: Page, *wanted: str) -> Any:
    """The first family whose name holds one of the words, in their order."""
    for word in wanted:
        found = page.locator(".family", has_text=word)
        if found.count():
            return found.first
    return page.locator(".family").first


def main(folder: Path, wanted: set[str]) -> None:
    source = RunSource(folder)
    source.tell_words()
    desk = {"width": 1280, "height": 720}
    with ExplorerServer(source) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )
        if wanted & {"structure", "compare"}:
            page = open_page(browser, server.url, viewport=desk, color_scheme="light")
            search(page, "Marks decahedron")
            page.keyboard.press("Escape")
            save(page, "structure")
            page.locator("#auto-cut").click()
            page.select_option("#colour-by", "family")
            family_like(page, "faulted", "fcc", "twin").locator(".look").click()
            save(page, "compare")
        if "search" in wanted:
            page = open_page(browser, server.url, viewport=desk, color_scheme="dark")
            search(page, "island")
            save(page, "search")
        if "trajectory" in wanted:
            page = open_page(browser, server.url, viewport=desk, color_scheme="light")
            page.select_option("#colour-by", "energy")
            page.select_option("#path-of", index=1 + len(source.points().temperatures) // 3)
            page.wait_for_selector("#about h2")
            steps = int(page.locator("#time").get_attribute("max") or 0)
            page.locator("#time").fill(str(int(0.6 * steps)))
            save(page, "trajectory")
        if "phone" in wanted:
            phone = {"width": 390, "height": 780}
            page = open_page(browser, server.url, viewport=phone, color_scheme="dark")
            page.locator("#chart").focus()
            page.keyboard.press("Enter")
            page.wait_for_selector("#about h2")
            save(page, "phone")
            page.evaluate("document.querySelector('#right').scrollIntoView()")
            save(page, "phone-structure")
        browser.close()
        server.shutdown()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), set(sys.argv[2:]) or NAMES)
