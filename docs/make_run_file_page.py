"""Write docs/run-file.md from the declarations of the run file: run it without arguments."""

from __future__ import annotations

import inspect
from pathlib import Path

from nanochart.workflow.config import RunFile

HEAD = """\
# The run file

A run file is TOML. `[system]` and `[sampling]` are needed; the rest has defaults, which are the
paper's wherever it states a number. An unknown key is an error. `examples/` holds five.

This page is made from the code by `docs/make_run_file_page.py`.
"""


def page() -> str:
    """Return the page: a table for every section of the run file."""
    parts = [HEAD]
    for name, section in RunFile.model_fields.items():
        model = section.annotation
        assert model is not None
        rows = ["| key | default | meaning |", "|---|---|---|"]
        for key, field in model.model_fields.items():
            default = "needed" if field.is_required() else f"`{_written(field.default)}`"
            rows.append(f"| `{key}` | {default} | {field.description} |")
        text = inspect.cleandoc(str(model.__doc__))
        parts.append(f"## `[{name}]`\n\n{text}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _written(value: object) -> str:
    return "none" if value is None else repr(value).replace("'", '"')


if __name__ == "__main__":
    (Path(__file__).parent / "run-file.md").write_text(page(), encoding="utf-8")
