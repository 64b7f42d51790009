"""Every block of code of the pages is run or parsed, by its language; none is left out.

What a block says after its language decides: a block of ``bash run`` or ``python run``, and all of
a tutorial (test_docs.py), is run. In any other, commands go through the real command line's parser
and names are looked up, so that a page that no longer fits the code is found out.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import shlex
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
import typer
from markdown_it import MarkdownIt
from typer.testing import CliRunner

import nanochart
from nanochart.cli import app
from nanochart.workflow.bias_file import BiasFile
from nanochart.workflow.config import RunFile, parse_run_file, parse_settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
UsageError: type[Any] = typer.BadParameter.__mro__[1]  # what a parser raises, be it click or not
VERBS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
#: Programs of others that pages call. A name that is not here is a slip of the pen, or new.
OTHERS = "[", "cat", "dask", "done", "export", "for", "pre-commit", "run", "sbatch", "scontrol"
OTHERS += "sphinx-build", "source"
#: What may stand before a command.
BEFORE = re.compile(r"srun|time|do|\w+=.*")


@dataclass(frozen=True)
class Block:
    """A block of a page: its language, what stands behind that, its text."""

    page: Path
    line: int
    language: str
    note: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_run(self) -> bool:
        return self.note == "run" or self.page.parent.name == "tutorials"


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield every block of code of a page, fenced or indented (those are commands)."""
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type in ("fence", "code_block") and token.map is not None:
            language, _, note = token.info.partition(" ")
            if token.type == "code_block":
                language = "bash"
            yield Block(page, token.map[0] + 1, language, note.strip(), token.content)


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def only(*languages: str) -> Any:
    return pytest.mark.parametrize(
        "block",
        [block for block in BLOCKS if block.language in languages],
        ids=lambda block: block.where,
    )


# --- Commands ---


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of every simple command of a script of the shell."""
    text = re.sub(r"<<'END'\n.*?^END$", "", text, flags=re.M | re.S)  # a file that is written
    text = re.sub(r"(^|\s)#.*$", "", text.replace("\\\n", " "), flags=re.M)
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|()<>\n")
    lexer.whitespace_split, lexer.whitespace, lexer.commenters = True, " \t\r", ""
    words: list[str] = []
    into_file = False
    for word in [*lexer, "\n"]:
        if re.fullmatch(r"[;&|()\n]+", word):
            if words:
                yield words
            words = []
        elif re.fullmatch(r"[<>]+", word):
            into_file = True
        elif into_file:
            into_file = False
        else:
            words.append(word)


def check_command(words: list[str]) -> None:
    """Parse a command as its program would; raise AssertionError where it would not."""
    while words and BEFORE.fullmatch(words[0]):
        words = words[1:]
    if words and words[0] in ("python", "python3", "torchrun") and "-m" in words:
        words = words[words.index("-m") + 1 :]
    if not words:
        return
    program, *arguments = Path(words[0]).name, *words[1:]
    for word in arguments:
        if re.match(r"(examples|benchmarks|docs|tests)/", word):
            assert (ROOT / word).exists() or word.startswith("benchmarks/results/"), word
    if program == "nanochart":
        check_verb(arguments)
    elif program == "python" and arguments:
        check_script(*arguments)
    elif program == "pip":
        for extras in re.findall(r"(?:nanochart|\.)\[([\w,]+)\]", " ".join(arguments)):
            assert set(extras.split(",")) <= EXTRAS.keys(), extras
    else:
        assert program in {*OTHERS, "python", "pytest", "timeit", "venv"}, program


def check_verb(arguments: list[str]) -> None:
    """Let the command line parse a verb's arguments, types and choices included."""
    verb, *rest = arguments
    if verb.startswith("-"):
        known = {"--version", "--help", "--install-completion", "--show-completion"}
        assert verb in known, verb
        return
    assert verb in VERBS, verb
    try:
        VERBS[verb].make_context(f"nanochart {verb}", list(rest))
    except UsageError as error:
        raise AssertionError(error.format_message()) from error


def check_script(script: str, *arguments: str) -> None:
    """Find a script of the project, or one that an export writes, and the options it is given."""
    shipped = ROOT / "src" / "nanochart" / "bias" / "exports" / "shipped"
    stem = Path(script).stem
    found = [ROOT / script, shipped / script, *shipped.glob(f"{stem}_*.py")]  # md.py: for each
    found = [path for path in found if path.exists()]
    assert found, script
    for option in (one for one in arguments if one.startswith("--")):
        assert f'"{option}"' in found[0].read_text(encoding="utf-8"), f"{script} takes no {option}"


@only("bash", "sh")
def test_commands_are_parsed_as_they_would_be(block: Block) -> None:
    subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
    for words in commands(block.text):
        check_command(words)


SPANS = [
    (page, span.content)
    for page in PAGES
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8"))
    for span in token.children or []
    if span.type == "code_inline"
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_within_a_sentence_exist(page: Path) -> None:
    """They may leave arguments out: verbs, options, scripts and paths are looked up."""
    for text in (text for one, text in SPANS if one == page):
        for words in commands(text):
            if words[0] in ("torchrun", "python") and "-m" in words:
                words = words[words.index("-m") + 1 :]
            if words[0] == "nanochart" and re.fullmatch("[a-z][a-z-]*", "".join(words[1:2])):
                assert words[1] in VERBS, text
                known = {"--help", "-h"}
                for one in VERBS[words[1]].params:
                    known |= {*one.opts, *one.secondary_opts}
                given = [word for word in words if re.match(r"--?[a-z]", word)]
                assert set(given) <= known, text
            elif words[0] in ("python", "pytest", "pip"):
                check_command(words)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_teaches_by_an_example(verb: str) -> None:
    _, _, examples = VERBS[verb].help.partition("Example")
    spans = re.findall(r"`(nanochart [^`]+)`", " ".join(examples.split()))
    assert any(span.split()[1] == verb for span in spans)
    for span in spans:
        check_command(shlex.split(span))


@pytest.mark.parametrize(
    ("typed", "shown"), [("nanochart trai", "train"), ("nanochart train --ba", "--batch-size")]
)
def test_the_shell_completes(typed: str, shown: str) -> None:
    completing = {
        "_NANOCHART_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    command = [Path(sys.executable).with_name("nanochart")]
    done = subprocess.run(
        command, env=os.environ | completing, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [shown]


# --- Python ---


def resolve(node: ast.expr, names: dict[str, Any]) -> Any:
    """Return what a chain of names such as ``nc.Chart.transform`` stands for, or None."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        of = resolve(node.value, names)
        if of is None:
            return None
        assert hasattr(of, node.attr), f"{ast.unparse(node)} does not exist"
        return getattr(of, node.attr)
    return None


@only("python")
def test_python_names_and_keywords_exist(block: Block) -> None:
    tree = ast.parse(block.text, block.where)
    names: dict[str, Any] = {"nc": nanochart, "chart": nanochart.Chart}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                importlib.import_module(one.name)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            for one in node.names:
                names[one.asname or one.name] = getattr(module, one.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            resolve(node, names)
        if isinstance(node, ast.Call) and (function := resolve(node.func, names)) is not None:
            known = inspect.signature(function).parameters
            free = any(one.kind is one.VAR_KEYWORD for one in known.values())
            for keyword in node.keywords:
                assert free or keyword.arg in known, f"{ast.unparse(node)}: no {keyword.arg}"


# --- Files ---


@only("toml")
def test_toml_fits_the_models(block: Block) -> None:
    given = tomllib.loads(block.text)
    named = " ".join(given.get("potential", {}).get("pair_coeff", ["Xe"]))
    if given.keys() <= RunFile.model_fields.keys():
        for section, least in {
            "system": f'species = "{named.split()[-1]}"\nn_atoms = 38',
            "sampling": "temperatures = [300.0, 400.0]\ncycles = 10",
        }.items():
            if section not in given:
                block = replace(block, text=f"[{section}]\n{least}\n{block.text}")
        parse_run_file(block.text, where=block.where)
    else:
        parse_settings(BiasFile, block.text, where=block.where, page=block.page.name)


@only("yaml")
def test_a_style_is_one(block: Block, tmp_path: Path) -> None:
    assert block.text.startswith("# mine.mplstyle\n"), "yaml is for matplotlib's styles so far"
    (tmp_path / "mine.mplstyle").write_text(block.text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mpl.rc_params_from_file(tmp_path / "mine.mplstyle", use_default_template=False)


def test_the_house_has_the_rooms_that_architecture_says() -> None:
    (plan,) = (block.text for block in BLOCKS if block.note == "rooms")
    told = set(re.findall(r"[a-z_0-9]+", plan))
    source = ROOT / "src" / "nanochart"
    there = {path.stem for path in source.rglob("*.py") if not path.stem.startswith("__")}
    left_out = {path.stem for path in source.rglob("shipped/*.py")}  # named as one
    assert there - told <= left_out, "modules that docs/architecture.md does not name"
    assert {name for name in told if "_" in name} <= there, "modules that there are no more"
    folders = {path.name for path in source.rglob("*") if path.is_dir()}
    assert set(re.findall(r"(\w+)/", plan)) <= folders


def test_a_run_folder_has_what_architecture_says() -> None:
    (listing,) = (block.text for block in BLOCKS if block.note == "folder")
    source = "".join(path.read_text() for path in (ROOT / "src" / "nanochart").rglob("*.py"))
    for name in re.findall(r"^(\S+)", listing, re.M):
        assert name.partition("…")[0].strip("/") in source, name


# --- None is left out ---


def test_every_block_is_of_a_kind_that_is_looked_at() -> None:
    """Text is output (compared in a tutorial), a usage line of a made page, or the plan."""
    for before, block in zip([None, *BLOCKS], BLOCKS, strict=False):
        if block.language != "text":
            looked_at = ("bash", "sh", "python", "toml", "yaml")
            built = block.language.startswith("{")  # a directive: the site is built by test_docs
            assert built or block.language in looked_at, f"{block.where} {block.language!r}"
            continue
        output = before is not None and before.page == block.page and before.is_run
        made = block.page.name in ("verbs.md", "file-formats.md")
        assert output or made or block.note in ("rooms", "folder"), f"{block.where} is not run"


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the minima that pages speak of."""
    from ase import Atoms
    from ase.io import write

    folder = tmp_path_factory.mktemp("workshop")
    minima = nanochart.open_landscape("au90-small")["quenched"].read("positions")
    write(folder / "minima.extxyz", [Atoms("Au90", one) for one in minima[:24]])
    return folder


#: What a page says in a comment, or shows.
PRINTED = {"README.md": "of 90 atoms"}
SHAPES = {
    "README.md": {"points": (256, 3)},
    "gradient.md": {"gradient": (64, 90, 3), "jacobian": (1, 3, 90, 3), "force": (90, 3)},
}


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(one.page == page and one.note == "run" for one in BLOCKS)],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_what_is_cheap_is_run(
    page: Path, workshop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workshop)
    names: dict[str, object] = {}  # all Python of a page is one session
    for block in (one for one in BLOCKS if one.page == page and one.note == "run"):
        if block.language == "python":
            exec(compile(block.text, block.where, "exec"), names)
            shown = capsys.readouterr().out
            assert "print(" not in block.text or PRINTED.get(page.name, "") in shown
        else:
            for program, *arguments in commands(block.text):
                assert program == "nanochart", block.where
                done = CliRunner().invoke(app, arguments)
                assert done.exit_code == 0, f"{block.where}: {arguments}\n{done.output}"
    for name, shape in SHAPES.get(page.name, {}).items():
        assert getattr(names[name], "cvs", names[name]).shape == shape, name


@pytest.mark.parametrize(
    "text",
    [
        "nanochart projekt au90 x.dcd",
        "nanochart project au90 x.dcd --kwench",
        "nanochart project",
        "nanochart md ih --species Au --n-atoms many --temperature 300 --time 1 -o x.dcd",
        "srun nanochart quench a.xyz --worker 3",
        "ls",
        "python benchmarks/nothing.py",
        "python benchmarks/families.py au90 --nothing",
        "nanochart run examples/nothing.toml",
        "pip install 'nanochart[nothing]'",
        "X=1 torchrun --nproc-per-node 2 -m nanochart train a.xyz --nothing",
    ],
)
def test_what_is_wrong_is_found_out(text: str) -> None:
    good, bad, _ = commands(f"nanochart doctor && {text} | cat > file # nanochart\n")
    check_command(good)
    with pytest.raises(AssertionError):
        check_command(bad)
