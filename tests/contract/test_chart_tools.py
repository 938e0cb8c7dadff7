"""The chart before Helm's own linter and its own suites, and as the archive that users get."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml
from hack.values_reference import PAGE, commented, main, page
from hack.values_schema import UndescribedError, contradictions_of, values_of

from tests.contract import test_chart as chart
from tests.contract.test_chart import CHART, FORMS, run

helm = chart.helm

SUITES = sorted((CHART / "tests").glob("*_test.yaml"))
TEMPLATES = sorted(path for path in (CHART / "templates").rglob("*.yaml") if path.parent.name != "crds")


@FORMS
def test_lint_finds_nothing(helm: str, values: tuple[str, ...]) -> None:
    sets = [part for value in values for part in ("--set", value)]
    result = run(helm, "lint", "--strict", str(CHART), *sets)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 chart(s) linted, 0 chart(s) failed" in result.stdout


def test_lint_refuses_values_that_contradict_each_other(helm: str) -> None:
    result = run(helm, "lint", "--strict", str(CHART), "--set", "webhook.replicas=0")
    assert result.returncode != 0
    assert "1 or more while webhook.externalURL is empty" in result.stdout + result.stderr


def test_every_suite_of_the_chart_passes(helm_unittest_path: Path) -> None:
    result = subprocess.run(
        [helm_unittest_path, "--strict", CHART], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stdout
    assert f"Test Suites: {len(SUITES)} passed, {len(SUITES)} total" in result.stdout


def test_archive_holds_templates_and_no_suites(helm: str, tmp_path: Path) -> None:
    assert run(helm, "package", str(CHART), "--destination", str(tmp_path)).returncode == 0
    (archive,) = tmp_path.glob("cutline-*.tgz")
    with tarfile.open(archive) as opened:
        names = opened.getnames()
    assert not [name for name in names if name.startswith("cutline/tests")]
    wanted = {f"cutline/{path.relative_to(CHART)}" for path in TEMPLATES}
    assert wanted <= set(names)


# --- the reference


def test_page_and_comments_are_current() -> None:
    assert main(["--check"]) == 0, "run `make generate`"


def test_every_default_is_described_and_every_value_is_on_the_page() -> None:
    values = values_of(json.loads((CHART / "values.schema.json").read_text("utf-8")))
    paths = {value.path for value in values}
    defaults = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    assert defaults.keys() <= paths
    text = PAGE.read_text("utf-8")
    # `global` is Helm's.
    missing = [path for path in paths if path != "global" and f"`{path}`" not in text and f"## {path}\n" not in text]
    assert missing == []


SCHEMA = {
    "properties": {
        "a": {
            "description": "About a.",
            "type": "object",
            "properties": {"b": {"description": "About b.", "$ref": "#/$defs/name"}},
            "allOf": [{"title": "Why.", "if": {}, "then": {"properties": {"b": {"const": "this or that"}}}}],
        }
    },
    "$defs": {"name": {"description": "A name.", "type": "string", "maxLength": 9, "then": {"const": "short"}}},
}
WRITTEN = """\
# About the file.

# Outdated.
a:
  # So is this,
  # on two lines.
  b: c  # kept
"""


def test_a_comment_is_replaced_and_the_rest_is_left_alone() -> None:
    text = commented(WRITTEN, values_of(SCHEMA))
    assert text == "# About the file.\n\n# About a.\na:\n  # About b.\n  b: c  # kept\n"
    assert commented(text, values_of(SCHEMA)) == text


def test_page_tells_type_default_and_rules() -> None:
    text = page(values_of(SCHEMA), contradictions_of(SCHEMA), {"a": {"b": "c"}})
    assert '| `a.b` | text | `"c"` | About b. At most 9 characters. Must be short. |\n' in text
    assert "| `a.b` | Why. Must be this or that. |\n" in text


def test_a_value_that_says_nothing_of_itself_is_refused() -> None:
    with pytest.raises(UndescribedError, match=r"^a: "):
        values_of({"properties": {"a": {"type": "string"}}})
