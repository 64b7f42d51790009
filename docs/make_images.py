"""Take the picture of a tutorial from its run's report: ``python docs/make_images.py RUN NAME``.

Needs Chromium and the test extra (Playwright drives it).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"


def main(run: Path, name: str) -> None:
    """Photograph the chart of the report, coloured by class."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless", "--no-sandbox", "--disable-gpu"],
        )
        page = browser.new_page(viewport={"width": 1100, "height": 900}, device_scale_factor=1.5)
        page.goto((run / "report.html").absolute().as_uri())
        page.locator("#chart3d").scroll_into_view_if_needed()
        page.wait_for_timeout(1000)
        page.locator("#chart3d").screenshot(path=IMAGES / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
