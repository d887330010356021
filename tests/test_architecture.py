"""The house rules that ruff cannot hold: sizes of files and functions, depth of nesting."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

PACKAGE = Path(__file__).parent.parent / "cyclegan"
FILES = sorted(PACKAGE.rglob("*.py"))
BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)


def functions(file: Path) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef))


def depth(node: ast.AST) -> int:
    inside = max((depth(child) for child in ast.iter_child_nodes(node)), default=0)
    chained = isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)
    return inside + (isinstance(node, BLOCKS) and not chained)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_holds_one_idea(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 350
    for function in functions(file):
        assert (function.end_lineno or 0) - function.lineno < 50, function.name
        assert depth(function) <= 3, function.name


def test_functions_are_short() -> None:
    lengths = [(f.end_lineno or 0) - f.body[0].lineno + 1 for file in FILES for f in functions(file)]
    assert median(lengths) <= 10


def test_the_base_of_every_method_stays_small() -> None:
    tree = ast.parse((PACKAGE / "methods" / "game.py").read_text())
    game = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Game")
    assert (game.end_lineno or 0) - game.lineno < 80
