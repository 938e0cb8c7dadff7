"""What a reviewer would otherwise have to watch: layers, sizes, clocks, docstrings."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("src", "operator", "webhook", "cli", "testbed", "bench", "demo", "hack", "images")
MOST_LINES_OF_A_MODULE = 400
MOST_LINES_OF_A_FUNCTION = 60

Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def modules(*roots: str) -> list[Path]:
    """Every Python module below these folders of the checkout."""
    return sorted(path for root in roots for path in (ROOT / root).rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), named(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(parsed(path)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


each_product_module = pytest.mark.parametrize("path", modules(*PRODUCT), ids=named)
each_test_module = pytest.mark.parametrize("path", modules("tests"), ids=named)
each_module = pytest.mark.parametrize("path", modules(*PRODUCT, "tests"), ids=named)


def test_no_layer_imports_what_stands_above_it() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 broken" in run.stdout


def test_the_operators_folder_is_no_package() -> None:
    # It would shadow the standard library's `operator`.
    assert not (ROOT / "operator" / "__init__.py").exists()


@each_module
def test_a_module_stays_readable_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES_OF_A_MODULE


@each_module
def test_a_function_fits_a_screen(path: Path) -> None:
    long = {
        function.name: length
        for function in functions(path)
        if (length := (function.end_lineno or 0) - function.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    }
    assert not long


@each_product_module
def test_a_module_says_what_it_is_for(path: Path) -> None:
    if path.read_text(encoding="utf-8").strip():
        assert ast.get_docstring(parsed(path))


@pytest.mark.parametrize("path", modules("src"), ids=named)
def test_every_public_function_and_class_says_what_it_means(path: Path) -> None:
    silent = [
        node.name
        for node in parsed(path).body
        if isinstance(node, Definition) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert not silent


@pytest.mark.parametrize("path", modules("src/cutline/domain"), ids=named)
def test_the_domain_reads_no_clock(path: Path) -> None:
    # The import contract sees imports; `datetime` is one that the domain needs, as a type.
    clocks = {"now", "utcnow", "today", "time", "monotonic", "perf_counter", "fromtimestamp"}
    called = {
        node.func.attr
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("datetime", "date", "time")
    }
    assert not called & clocks


@pytest.mark.parametrize("path", modules("src", "operator", "webhook", "cli"), ids=named)
def test_the_date_is_read_in_one_place(path: Path) -> None:
    asked = any(
        isinstance(node, ast.Attribute) and ast.unparse(node) == "datetime.now" for node in ast.walk(parsed(path))
    )
    assert asked is (path.name == "clock.py" and path.parent.name == "process")


@pytest.mark.parametrize("path", modules("src/cutline/domain"), ids=named)
def test_the_domain_keeps_nothing_between_calls(path: Path) -> None:
    stateful = [node for node in ast.walk(parsed(path)) if isinstance(node, (ast.Global, ast.Nonlocal))]
    assert not stateful


@pytest.mark.parametrize("path", modules("src/cutline/domain"), ids=named)
def test_every_dataclass_of_the_domain_is_frozen_and_slotted(path: Path) -> None:
    """But for those that remember what they worked out: `cached_property` needs a place for it."""
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            text = ast.unparse(decorator)
            if text.startswith("dataclass"):
                assert "frozen=True" in text, node.name
                assert ("slots=True" in text) != ("cached_property" in ast.unparse(node)), node.name


@each_test_module
def test_no_test_mocks_our_own_modules(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    # Written apart, so that this very test does not find itself.
    assert not re.search(r"\bmock" + r"\.patch|unittest" + r"\.mock|Magic" + r"Mock", text)


@each_test_module
def test_no_test_sleeps_for_luck(path: Path) -> None:
    """A pause belongs into a loop that asks for a condition; any other says what it is for."""
    looped = {
        call for loop in ast.walk(parsed(path)) if isinstance(loop, ast.While | ast.For) for call in _pauses(loop)
    }
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [
        f"{named(path)}:{call.lineno}"
        for call in _pauses(parsed(path))
        if call not in looped and "# " not in "".join(lines[call.lineno - 2 : call.lineno])
    ] == []


def _pauses(tree: ast.AST) -> list[ast.Call]:
    """Calls of sleep, but for sleep(0), which only lets others run."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("time.sleep", "asyncio.sleep", "sleep")
        and ast.unparse(node.args[0]) != "0"
    ]


def test_every_test_folder_is_a_package() -> None:
    folders = {path.parent for path in modules("tests")}
    assert [named(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []
