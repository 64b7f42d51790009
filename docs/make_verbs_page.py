"""Write docs/verbs.md from the command line itself: run it without arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from nanochart.cli import app

HEAD = """\
# Verbs

What `nanochart --help` and `nanochart VERB --help` say, in one page. Results go to the standard
output, progress to the standard error; `--json` prints a result for programs. An error is one line
and exit status 1.

This page is made from the command line by `docs/make_verbs_page.py`.

The usual ones, one stage at a time:

```bash
nanochart doctor                                   # does everything work here, and how fast
nanochart quench hot.xyz -o minima.extxyz          # local minima; any file ASE reads
nanochart classify minima.extxyz --csv words.csv   # class, and what it is in words
nanochart train minima.extxyz -o au90.safetensors  # a chart of your own structures
nanochart project au90.safetensors new.xyz --quench -o path.csv
nanochart families au90.safetensors                # their names, sizes, and how stable they are
nanochart families au90-quick --export families    # tables, figures, 50 structures of each
nanochart compare au90-quick                       # the chart beside linear PCA
nanochart scan au90-quick --network compact        # how many CVs: loss against their number
nanochart explore au90-quick                       # the chart and its structures, in the browser
nanochart figures au90-quick -o figures            # every figure of the paper, as PDF and CSV
nanochart thermal au90-quick                       # a chart that takes hot structures
nanochart export au90 --to openmm                  # the CVs for another program
nanochart md ih --species Au --n-atoms 147 --temperature 396 --time 2000 -o au147.dcd  # 2 µs
```
"""


def page() -> str:
    """Return the page: the verbs in the groups and the order of ``nanochart --help``."""
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    panels: dict[str, list[str]] = {}
    for name, command in commands.items():
        panels.setdefault(str(command.rich_help_panel), []).append(section(name, command))
    parts = [HEAD]
    for panel, sections in panels.items():
        parts += [f"## {panel}\n", *sections]
    return "\n".join(parts)


def section(name: str, command: Any) -> str:
    """Return what there is to say of one verb."""
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    usage = " ".join(["nanochart", name, *(written(one) for one in arguments)])
    rows = ["| | default | meaning |", "|---|---|---|"]
    for one in arguments:
        default = "needed" if one.required else shown(one)
        rows.append(f"| `{one.name.upper()}` | {default} | {one.help or ''} |")
    for one in options:
        default = "needed" if one.required else shown(one)
        rows.append(f"| `{', '.join(one.opts)}` | {default} | {one.help or ''} |")
    help_text = "\n".join(line.strip() for line in command.help.strip().splitlines())
    table = "\n".join(rows)
    return f"### `{name}`\n\n```text\n{usage} [OPTIONS]\n```\n\n{help_text}\n\n{table}\n"


def written(argument: Any) -> str:
    """Return an argument as it stands in a usage line."""
    word = argument.name.upper() + ("..." if argument.nargs == -1 else "")
    return word if argument.required else f"[{word}]"


def shown(parameter: Any) -> str:
    """Return a parameter's default as a table shows it."""
    value = parameter.default
    if getattr(parameter, "is_flag", False):
        return "off" if not value else "on"
    if value is None or value == "" or not isinstance(value, str | int | float | Path):
        return ""
    return f"`{value}`"


if __name__ == "__main__":
    (Path(__file__).parent / "verbs.md").write_text(page(), encoding="utf-8")
