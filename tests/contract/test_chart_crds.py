"""The chart's copies of the custom resource definitions, and the generator that makes them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.contract import test_chart as chart
from tests.contract.test_chart import ROOT, Manifest, Render, of_kind

helm = chart.helm
render = chart.render

CRDS = ROOT / "crds"


def source_crds() -> dict[str, Manifest]:
    documents = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(CRDS.glob("*.yaml"))]
    return {document["metadata"]["name"]: document for document in documents}


def sync_crds() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sync_crds", ROOT / "hack" / "sync_crds.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_copies_of_the_definitions_are_current() -> None:
    sync = sync_crds()
    assert sync.differences(sync.SOURCE, sync.TARGET) == [], "run `make generate`"


def test_definitions_render_to_their_source(render: Render) -> None:
    shipped = of_kind(render(), "CustomResourceDefinition")
    for name, definition in shipped.items():
        annotations = definition["metadata"]["annotations"]
        assert annotations.pop("helm.sh/resource-policy") == "keep", name
        if not annotations:
            del definition["metadata"]["annotations"]
    assert shipped == source_crds()


def test_definitions_can_be_left_out(render: Render) -> None:
    assert not of_kind(render("crds.enabled=false"), "CustomResourceDefinition")


DEFINITION = """\
# About it.
metadata:
  name: things.cutline.dev
spec: {description: "{{ .Values.secret }} }}"}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  name: t\n", "  annotations:\n    helm.sh/resource-policy: keep\n  name: t\n"),
        ("  annotations:\n    a: b\n", "  annotations:\n    helm.sh/resource-policy: keep\n    a: b\n"),
    ],
    ids=["without annotations", "with annotations"],
)
def test_copy_adds_the_annotation_and_nothing_else(before: str, after: str) -> None:
    template = sync_crds().as_template("t.yaml", f"metadata:\n{before}spec: {{}}\n")
    guard, _, *body, end = template.splitlines()
    assert (guard, end) == ("{{- if .Values.crds.enabled }}", "{{- end }}")
    assert "\n".join(body) == f"metadata:\n{after}spec: {{}}"


def test_copy_leaves_nothing_to_evaluate() -> None:
    template = sync_crds().as_template("things.yaml", DEFINITION)
    assert '"{{ "{{" }} .Values.secret }} }}"' in template


@pytest.mark.parametrize("metadata", ["metadata: {name: t}\n", "metadata:\n  annotations: {a: b}\n"])
def test_copy_refuses_a_layout_that_it_cannot_extend(metadata: str) -> None:
    sync = sync_crds()
    with pytest.raises(sync.UnexpectedLayoutError):
        sync.as_template("t.yaml", metadata)


def test_check_names_what_is_missing_outdated_and_left_over(tmp_path: Path) -> None:
    sync = sync_crds()
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    for name in ("new.yaml", "changed.yaml"):
        (source / name).write_text(DEFINITION)
    target.mkdir()
    for name in ("changed.yaml", "old.yaml"):
        (target / name).write_text("")
    assert [line.partition(":")[0] for line in sync.differences(source, target)] == [
        "changed.yaml",
        "new.yaml",
        "old.yaml",
    ]
    sync.synchronise(source, target)
    assert sync.differences(source, target) == []
