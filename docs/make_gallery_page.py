"""Make the gallery page: every figure of two runs, as small pictures.

    python docs/make_gallery_page.py AU90_RUN AU147_RUN [--trajectory TABLE.csv] [--out DOCS]

Each RUN is a finished run folder; TABLE is a `nanochart project` table of a trajectory of the last
one's cluster (with its column of times, or `--frame-time PS`). Writes images/gallery-*.png and
gallery.md into DOCS, by default this folder. What a run has not is said on the page.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from PIL import Image

from nanochart.show.plates import Absent, Plate, save
from nanochart.show.run_plates import run_plates
from nanochart.show.style import WIDE
from nanochart.workflow.config import parse_run_file, read_run_file
from nanochart.workflow.figures import with_trajectory
from nanochart.workflow.run import open_run
from nanochart.workflow.stages import STAGES
from nanochart.workflow.tell import report_content

#: Pixels an inch, colours and bytes of a picture: the page shall stay light.
DPI = 150
COLOURS = 96
MOST_BYTES = 150_000

HEAD = """# Gallery

Every figure that `nanochart figures RUN` writes, of {names}, drawn from the runs' own data
at the width of two journal columns and shown here as small pictures. The files are PDF, SVG or PNG
(`--format`), each also for one column, with the numbers behind it as CSV; `--style FILE` takes a
matplotlib style file whose settings replace ours (`src/nanochart/show/nanochart.mplstyle`), and
`--renderer ovito` draws structures with OVITO's ray tracer (`pip install 'nanochart[render]'`).
Numbers are the paper's; figS4 stands for its S4-S6. `docs/make_gallery_page.py` makes this page:

```bash
{command}
```

The trajectory is 1.2 ns of Au147 that starts from the icosahedron at 540 K, and melts:

```bash
nanochart md ih --species Au --n-atoms 147 --temperature 540 --time 1.2 --seed 3 -o melt.dcd
nanochart project au147 melt.dcd --quench -o melt.csv
```
"""


def main() -> None:
    """Draw all and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--trajectory", type=Path)
    parser.add_argument("--frame-time", type=float)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    asked = parser.parse_args()
    parts, names = [], []
    for number, folder in enumerate(asked.runs):
        text = read_run_file(folder / "run.toml")
        file = parse_run_file(text, where=str(folder))
        last = number == len(asked.runs) - 1
        with open_run(folder, file, text, STAGES) as run:
            content = report_content(run)
            if last and asked.trajectory:
                content = with_trajectory(run, content, asked.trajectory, asked.frame_time)
            names.append(file.name)
            parts.append(_about(folder, file.name, len(content.unique_classes)))
            plates = run_plates(content)
            parts += [_shown(plate, file.name, asked.out) for plate in plates]
            parts.append(_missing(plates))
            _write(asked, names, parts)


def _write(asked: argparse.Namespace, names: list[str], parts: list[str]) -> None:
    """Write the page of the runs drawn so far."""
    command = "python docs/make_gallery_page.py " + " ".join(one.lower() for one in names)
    if asked.trajectory:
        command += f" --trajectory {asked.trajectory.name}"
    if asked.frame_time:
        command += f" --frame-time {asked.frame_time:g}"
    head = HEAD.format(names=" and of ".join(names), command=command)
    page = "\n".join([head, *(part for part in parts if part)])
    (asked.out / "gallery.md").write_text(page.rstrip() + "\n", encoding="utf-8")


def _about(folder: Path, name: str, n_unique: int) -> str:
    """Return the heading of a run, and what it rests on."""
    summary = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    epochs = len(summary["history"]["validation_loss"])
    short = (
        " These are few epochs: the chart shows how the figures look, not what the landscape is."
        if epochs < 50
        else ""
    )
    return (
        f"\n## {name}\n\n{n_unique:,} distinct structures; the network was trained for {epochs} "
        f"epochs, R² {summary['validation_r2']:.3f} on those held out (linear PCA "
        f"{summary['pca_r2']:.3f}).{short}\n"
    )


def _shown(plate: Plate | Absent, system: str, out: Path) -> str:
    """Draw one figure and return its lines of the page."""
    if isinstance(plate, Absent):
        return ""
    path = out / "images" / f"gallery-{system.lower()}-{plate.name}.png"
    figure = plate.draw(WIDE)
    for dpi in (DPI, 125, 105):
        save(figure, path, dpi=dpi)
        with Image.open(path) as image:
            image.convert("RGB").save(path, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            break
    else:  # shaded spheres: fewer colours do them no harm, as they would to points
        with Image.open(path) as image:
            image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    return (
        f"### {plate.name}: {plate.title}\n\n![{system}, {plate.title}](images/{path.name})\n\n"
        f"{plate.caption}\n"
    )


def _missing(plates: list[Plate | Absent]) -> str:
    """Return what is not there, and why."""
    absent = [plate for plate in plates if isinstance(plate, Absent)]
    if not absent:
        return ""
    lines = "\n".join(f"- {plate.name} ({plate.title}): {plate.reason}" for plate in absent)
    return f"### Not there\n\n{lines}\n"


if __name__ == "__main__":
    main()
