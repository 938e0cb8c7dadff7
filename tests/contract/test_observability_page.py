"""docs/reference/observability.md against the code: every name, and none besides."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import CollectorRegistry

from cutline.domain.verdict import Conclusion, Objection, Reason, Response
from cutline_operator import policy_status, reconcile
from cutline_operator.events import EventReason
from cutline_operator.metrics import Metrics as OperatorMetrics
from cutline_webhook.metrics import Metrics as WebhookMetrics

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "observability.md").read_text("utf-8")
OPERATOR = ROOT / "operator" / "cutline_operator"

_SUFFIXES = {"counter": ("_total", "_created"), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum", "_created")}


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str, first: str) -> list[list[str]]:
    """The rows of the table in a section whose first column has that head; cells without backticks."""
    table = section(title).partition(f"\n| {first} |")[2].partition("\n\n")[0]
    assert table, f"no table {first!r} in {title!r}"
    lines = table.splitlines()[2:]
    return [[cell.strip().replace("`", "") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def names(title: str, first: str) -> list[str]:
    return [row[0] for row in rows(title, first)]


def words(enum: type[StrEnum]) -> set[str]:
    return {member.value for member in enum}


def metrics_of(metrics: Any) -> dict[str, tuple[str, list[str]]]:
    """Each metric as it is exposed, with its type and its labels."""
    found = {}
    for collector in vars(metrics).values():
        if isinstance(collector, MetricWrapperBase):
            (family,) = collector.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found[name] = (family.type, list(collector._labelnames))
    return found


@pytest.mark.parametrize(("process", "metrics"), [("webhook", WebhookMetrics()), ("operator", OperatorMetrics())])
def test_every_metric_is_on_the_page_with_its_type_and_labels(process: str, metrics: Any) -> None:
    told = {
        name: (kind, [label for label in labels.split(", ") if label])
        for name, kind, labels, _ in rows(f"Metrics of the {process}", "metric")
    }
    found = metrics_of(metrics)
    assert told == found
    registry: CollectorRegistry = metrics.registry
    assert {family.name for family in registry.collect()} == {name.removesuffix("_total") for name in found}


def test_nothing_else_on_the_page_looks_like_a_metric() -> None:
    exposed = {
        name.removesuffix("_total") + suffix
        for metrics in (WebhookMetrics(), OperatorMetrics())
        for name, (kind, _) in metrics_of(metrics).items()
        for suffix in ("", *_SUFFIXES[kind])
    }
    assert set(re.findall(r"\bcutline_[a-z_]+", PAGE)) <= exposed


@pytest.mark.parametrize(("first", "enum"), [("conclusion", Conclusion), ("response", Response), ("reason", Reason)])
def test_every_word_of_a_verdict_is_explained(first: str, enum: type[StrEnum]) -> None:
    told = names("Verdicts", first)
    assert sorted(told) == sorted(words(enum))


def test_every_cause_of_a_denial_is_explained() -> None:
    text = (ROOT / "webhook" / "cutline_webhook" / "answers.py").read_text("utf-8")
    general = set(re.findall(r'"reason": "(Cutline\w+)"', text))
    told = re.findall(r"^\| `(Cutline\w+)`", section("Causes of a denial"), re.MULTILINE)
    assert sorted(told) == sorted(general | {f"Cutline{word}" for word in words(Objection)})


def _said_in_conditions(source: Path) -> Iterator[str]:
    """Types and reasons: the single words in capitals in whatever makes a Condition."""
    for function in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(function, ast.FunctionDef) and any(map(_makes_a_condition, ast.walk(function))):
            for node in ast.walk(function):
                if isinstance(node, ast.Constant) and re.fullmatch(r"(?:[A-Z][a-z]+)+", str(node.value)):
                    yield str(node.value)


def _makes_a_condition(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Condition"


def _is_no_constant(word: str) -> bool:
    return word not in ("True", "False", "None")


@pytest.mark.parametrize(("kind", "module"), [("proposal", reconcile), ("policy", policy_status)])
def test_every_condition_is_on_the_page_with_its_reasons(kind: str, module: Any) -> None:
    said = set(filter(_is_no_constant, _said_in_conditions(Path(module.__file__))))
    told = {
        word for row in rows("Conditions", f"condition of a {kind}") for cell in row for word in cell.split() if word
    }
    assert {word.strip(",;") for word in told} - {"if", "not:", "unknown:"} == said


def test_every_event_that_is_written_is_on_the_page() -> None:
    code = "\n".join(path.read_text("utf-8") for path in OPERATOR.glob("*.py"))
    written = {reason.value for reason in EventReason if f"EventReason.{reason.name}" in code}
    told = names("Events", "reason")
    assert sorted(told) == sorted(written)


def test_alerts_are_rules_that_prometheus_can_read() -> None:
    (group,) = yaml.safe_load(section("Alerts").partition("```yaml\n")[2].partition("```")[0])["groups"]
    assert len(group["rules"]) == 3
    for rule in group["rules"]:
        assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
        assert re.search(r"\bcutline_[a-z_]+", rule["expr"])
