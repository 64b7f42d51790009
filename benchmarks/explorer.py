"""How soon the explorer shows a picture and how fast it turns, beside chemiscope's map.

    python benchmarks/explorer.py RUN_FOLDER CHEMISCOPE_MIN_JS SIZE

Call it with SIZE 100000 and 1000000; the record keeps both. The points are those of the run,
repeated up to the size with normal noise of 2 % of the range on every chart coordinate: made up,
for size only. CHEMISCOPE_MIN_JS is the bundle in chemiscope's wheel
(sphinx/static/chemiscope.min.js), or a dash for ours alone; its map is given the same points,
without structures, thinned as it does by default and not. Chromium is headless and draws on the
CPU (SwiftShader). *First picture*: from asking for the page until its pixels can be read. *Frame*:
the median time between two frames while ours is being turned for two seconds; *all points*: the
time to draw the resting chart whole and read a pixel. What takes longer than a minute is recorded
as such, and was tried once. *New user*: the command itself, from a shell to a picture and to a
twin in the viewer, with two clicks. Writes results/explorer.json.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from machine import cpu_model
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from nanochart.show.explorer.content import ExplorerPoints, ExplorerStructures
from nanochart.show.explorer.server import ExplorerServer
from nanochart.workflow.explore import RunSource

RESULTS = Path(__file__).parent / "results" / "explorer.json"
REPEATS = 3
ARGUMENTS = ["--headless", "--no-sandbox", "--enable-unsafe-swiftshader", "--disable-quic"]
NOISE = 0.02
PATIENCE = 60_000  # ms

#: Resolves when what was drawn can be read.
PIXELS = """async () => {
  const two = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  await two();
  for (const canvas of document.querySelectorAll("canvas")) {
    const gl = canvas.id === "chart" ? canvas.getContext("webgl2") : null;
    if (gl) gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  }
}"""
#: Turns the chart by a drag, a step a frame, for two seconds; the times between frames in ms.
TURN = """async (selector) => {
  const target = document.querySelector(selector), box = target.getBoundingClientRect();
  const at = { x: box.left + box.width / 2, y: box.top + box.height / 2 };
  const send = (type, buttons) => {
    const common = { bubbles: true, cancelable: true, clientX: at.x, clientY: at.y, buttons };
    const kind = "mouse" + type.slice(7);
    const one = new PointerEvent(type, { ...common, pointerId: 1, pointerType: "mouse" });
    target.dispatchEvent(one);
    target.dispatchEvent(new MouseEvent(kind, common));
  };
  target.setPointerCapture = () => {};
  send("pointerdown", 1);
  const gaps = [], drawn = [], began = performance.now();
  let before = began;
  while (performance.now() - began < 2000) {
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    gaps.push(now - before), before = now, at.x += 3;
    drawn.push(Number(target.dataset.drawn || 0));
    send("pointermove", 1);
  }
  send("pointerup", 0);
  return { gaps, drawn };
}"""
#: Draws all points at rest and reads a pixel, ms.
WHOLE = """async () => {
  const { cloud } = NC.parts, pixel = new Uint8Array(4), { gl } = cloud;
  const read = () => gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
  cloud.state.moving = false, cloud.draw(), read();
  const began = performance.now();
  cloud.draw(), read();
  return [performance.now() - began, cloud.state.drawn];
}"""
LOAD = """async ([url, thinned]) => {
  const dataset = await (await fetch(url)).json();
  dataset.settings.map.useLOD = thinned;
  const config = { meta: "meta", map: "map", info: "info" };
  window.visualizer = await Chemiscope.MapVisualizer.load(config, dataset);
}"""


class Repeated:
    """The source of a run, with its points repeated up to a size, and jittered."""

    def __init__(self, source: RunSource, size: int) -> None:
        self._source, base = source, source.points()
        self._n, rng = len(base), np.random.default_rng(size)
        rows = np.arange(size) % self._n
        noise = rng.normal(size=(size, 3)) * NOISE * np.ptp(base.cvs, axis=0)
        taken = {
            name: getattr(base, name)[rows]
            for name in ("energy", "temperature", "cluster_class", "family", "error", "inside")
        }
        self._points = replace(
            base,
            rows=np.arange(size),
            cvs=(base.cvs[rows] + noise).astype(np.float32),
            stands_for=np.arange(size, dtype=np.int32),
            time=base.time[rows],
            walker=base.walker[rows],
            **taken,
        )

    def points(self) -> ExplorerPoints:
        return self._points

    def structures(self, points: np.ndarray) -> ExplorerStructures:
        return self._source.structures(points % self._n)

    def environment_counts(self) -> dict[str, Any]:
        counts = self._source.environment_counts()
        return {k: np.resize(v, len(self._points)) for k, v in counts.items()}

    def words_progress(self) -> tuple[int, int]:
        return 0, 1  # words are told later, in the run's own time

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


def dataset_of(points: ExplorerPoints) -> dict[str, Any]:
    """The points as chemiscope takes them, without structures."""
    columns = {f"cv{k + 1}": points.cvs[:, k] for k in range(3)} | {"energy": points.energy}
    axes = {axis: {"property": f"cv{k + 1}"} for k, axis in enumerate("xyz")}
    return {
        "meta": {"name": "points"},
        "structures": [],
        "properties": {
            name: {"target": "structure", "values": np.round(values.astype(float), 5).tolist()}
            for name, values in columns.items()
        },
        "settings": {
            "target": "structure",
            "map": {**axes, "color": {"property": "energy"}, "useLOD": True},
        },
    }


def page_of(browser: Browser) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.set_default_timeout(PATIENCE)
    return page


def ours(browser: Browser, source: Any) -> dict[str, Any]:
    """One reading of ours: a page opened, turned, drawn whole, a point picked."""
    with ExplorerServer(source) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = page_of(browser)
        began = time.perf_counter()
        page.goto(server.url)
        page.wait_for_selector("html[data-ready]")
        page.evaluate(PIXELS)
        first = time.perf_counter() - began
        page.wait_for_timeout(1500)
        whole, drawn = page.evaluate(WHOLE)
        turned = page.evaluate(TURN, "#chart")
        began = time.perf_counter()
        page.locator("#chart").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#about h2")
        picked = time.perf_counter() - began
        page.close()
        server.shutdown()
    half = len(turned["gaps"]) // 2  # the pace has settled by then
    return {
        "first_picture_s": first,
        "all_points_ms": whole,
        "all_points_drawn": drawn,
        "frame_ms": statistics.median(turned["gaps"][half:]),
        "drawn_while_moving": statistics.median(turned["drawn"][half:]),
        "pick_to_structure_s": picked,
    }


def within_patience(page: Page, script: str, argument: Any) -> Any:
    """Run a script that may keep the page busy for longer than anybody waits."""
    page.evaluate(
        """([script, argument]) => {
          const root = document.documentElement;
          delete root.dataset.done;
          const end = (what) => (value) => { root.dataset.done = JSON.stringify([what, value]); };
          setTimeout(() => eval(script)(argument).then((v) => end("value")(v ?? null),
            (e) => end("failed")(String(e))));
        }""",
        [script, argument],
    )
    page.wait_for_selector("html[data-done]")
    kind, value = json.loads(page.locator("html").get_attribute("data-done") or "")
    if kind == "failed":
        raise RuntimeError(value)
    return value


def theirs(playwright: Any, files: str, name: str, *, thinned: bool) -> dict[str, Any]:
    """One reading of chemiscope's map, in a browser that can be closed if it does not answer."""
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
    found: dict[str, Any] = {}
    try:
        page = page_of(browser)
        began = time.perf_counter()
        page.goto(f"{files}/page.html")
        within_patience(page, LOAD, [f"{files}/{name}", thinned])
        within_patience(page, PIXELS, None)
        found["first_picture_s"] = time.perf_counter() - began
    except (PlaywrightError, RuntimeError) as error:  # the record says what stopped it
        found["failed"] = str(error).splitlines()[0][:200]
    finally:
        browser.close()
    return found


def new_user(browser: Browser, folder: Path) -> dict[str, float]:
    """From the command to a picture, and to a twin in the viewer: two clicks."""
    command = [sys.executable, "-m", "nanochart", "explore", str(folder), "--no-browser"]
    began = time.perf_counter()
    with subprocess.Popen([*command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        page = page_of(browser)
        page.goto(url)
        page.wait_for_selector("html[data-ready]")
        page.evaluate(PIXELS)
        picture = time.perf_counter() - began
        page.locator("#legend button", has_text="Twin").click()
        page.locator("#chart").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#about h2")
        structure = time.perf_counter() - began
        page.close()
        process.terminate()
    return {"command_to_picture_s": picture, "command_to_twin_s": structure}


def medians(readings: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of every figure, and all readings."""
    names = {name: None for one in readings for name in one if name != "failed"}
    found = {
        name: round(statistics.median(one[name] for one in readings if name in one), 3)
        for name in names
    }
    return found | {"readings": readings}


def main(folder: Path, bundle: Path, size: int) -> None:
    source = RunSource(folder)
    source.structures(np.array([0]))  # compiled, or read from numba's cache
    record: dict[str, Any] = {"sizes": {}}
    with_peer = bundle.is_file()
    if RESULTS.exists():
        record = json.loads(RESULTS.read_text())
    record |= {
        "command": "python benchmarks/explorer.py au90 chemiscope.min.js SIZE",
        "run": f"{len(source.points()):,} points of {folder.name}, repeated with noise",
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "system": platform.platform()},
        "versions": {name: version(name) for name in ("nanochart", "numpy", "playwright")},
        "load_at_the_start": os.getloadavg()[0],
    }
    repeated = Repeated(source, size)
    kept = record["sizes"].setdefault(str(size), {})
    found: dict[str, list[dict[str, Any]]] = {"ours": [], "chemiscope": [], "not thinned": []}
    with tempfile.TemporaryDirectory() as shared, sync_playwright() as playwright:
        files = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=shared))
        threading.Thread(target=files.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{files.server_port}"
        (Path(shared) / "chemiscope.js").write_bytes(bundle.read_bytes() if with_peer else b"")
        (Path(shared) / "page.html").write_text(
            '<!DOCTYPE html><link rel="icon" href="data:,"><script src="chemiscope.js"></script>'
            '<div id="meta"></div><div id="map" style="width: 1280px; height: 680px"></div>'
            '<div id="info"></div>'
        )
        (Path(shared) / "points.json").write_text(json.dumps(dataset_of(repeated.points())))
        for k in range(REPEATS):  # in turns
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=ARGUMENTS
            )
            record["versions"]["chromium"] = browser.version
            found["ours"].append(ours(browser, repeated))
            if k == 0:
                record["new_user"] = new_user(browser, folder)
            browser.close()
            for key, thinned in (("chemiscope", True), ("not thinned", False)):
                if with_peer and not any("failed" in one for one in found[key]):
                    found[key].append(theirs(playwright, address, "points.json", thinned=thinned))
            kept |= {key: medians(value) for key, value in found.items() if value}
            RESULTS.write_text(json.dumps(record, indent=1) + "\n")
        files.shutdown()
    print(json.dumps(record, indent=1))


class _Quiet(SimpleHTTPRequestHandler):
    """Files of the peer's page, without a line for each."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
