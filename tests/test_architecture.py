"""The rules of the house: which room may import which, and how long files and functions may be."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from statistics import median

import pytest

PACKAGE = Path(__file__).parent.parent / "cyclegan"
FILES = sorted(PACKAGE.rglob("*.py"))
COMMANDS = ("train", "translate", "evaluate", "report", "doctor", "prepare", "convert", "export")
ROOMS = (  # from the top down: a room imports itself and those below
    "callbacks", "reporting", "scoring", "runs", "methods", "translator", "inference", "interop", "data", "networks",
    "eyes", "losses", "pictures", "hardware", "files", "console",
)  # fmt: skip
BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)


def module_of(file: Path) -> str:
    return ".".join(("cyclegan", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {module_of(file): file for file in FILES}


def imports_of(file: Path) -> Iterator[str]:
    """The package's own modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "cyclegan":
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from names & MODULES.keys() or {node.module}
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_the_root_holds_the_commands_and_the_translator_alone() -> None:
    assert {file.stem for file in PACKAGE.glob("*.py")} == {*COMMANDS, "translator", "__init__"}
    assert {each.name for each in PACKAGE.iterdir() if each.is_dir() and each.name != "__pycache__"} == set(ROOMS) - {
        "translator"
    }


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_down(module: str) -> None:
    room = room_of(module)
    if room in ROOMS:
        below = ROOMS[ROOMS.index(room) :]
        wrong = [each for each in imports_of(MODULES[module]) if room_of(each) not in below]
        assert not wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    TopologicalSorter({module: set(imports_of(file)) for module, file in MODULES.items()}).prepare()


def test_every_room_says_what_belongs_in_it() -> None:
    for room in {*ROOMS} - {"translator"}:
        assert ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text())), room


def functions(file: Path) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef))


def depth(node: ast.AST) -> int:
    inside = max((depth(child) for child in ast.iter_child_nodes(node)), default=0)
    chained = isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)
    return inside + (isinstance(node, BLOCKS) and not chained)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_files_and_functions_are_short(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 350
    for function in functions(file):
        assert (function.end_lineno or 0) - function.lineno < 50, function.name
        assert depth(function) <= 3, function.name


def test_most_functions_are_very_short() -> None:
    lengths = [(f.end_lineno or 0) - f.body[0].lineno + 1 for file in FILES for f in functions(file)]
    assert median(lengths) <= 10


def test_networks_are_of_torchs_own_layers() -> None:
    """Someone who opens a network sees the paper and nothing else."""
    for file in (PACKAGE / "networks").glob("*.py"):
        allowed = {"networks", "eyes"} if file.stem == "projected" else {"networks"}
        assert {room_of(each) for each in imports_of(file)} <= allowed, file.name


def test_the_base_of_every_method_stays_small() -> None:
    tree = ast.parse((PACKAGE / "methods" / "game.py").read_text())
    game = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Game")
    assert (game.end_lineno or 0) - game.lineno < 100
