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
