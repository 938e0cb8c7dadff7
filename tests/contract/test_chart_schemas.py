"""Every manifest that we render or show, judged by kubeconform.

Kubernetes' own kinds are what a real API server publishes (kubernetes_schemas.json, which
test_kubernetes_schemas_live.py compares with one); ours are the definitions in crds/.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hack.kubernetes_schemas import FILE, closed

from tests.contract import test_chart as chart
from tests.contract.test_chart import FORMS, ROOT, Manifest, Render, config_of

helm = chart.helm
render = chart.render

Judge = Callable[[list[Manifest] | str], subprocess.CompletedProcess[str]]

# Kinds of others, which no API server of ours publishes.
_OTHERS = ("cert-manager.io/v1/Certificate", "cert-manager.io/v1/Issuer", "monitoring.coreos.com/v1/PodMonitor")
_META = "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_SHOWN = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Files that programs read; no API server stores such a thing.
_FILES = ("apiserver.config.k8s.io/v1/AdmissionConfiguration", "v1/Config")
_PAGES = sorted(path for folder in ("docs", "charts") for path in (ROOT / folder).rglob("*.md"))
_EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))


def _own_schema(definition: Manifest) -> dict[str, Any]:
    (version,) = definition["spec"]["versions"]
    schema: dict[str, Any] = closed(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"$ref": _META}
    return schema


def _write_schemas(folder: Path) -> None:
    """One file a kind, by the names that kubeconform asks for."""
    published = json.loads(FILE.read_text("utf-8"))
    schemas = {name: {"$ref": f"#/definitions/{root}"} for name, root in published["kinds"].items()}
    for path in sorted((ROOT / "crds").glob("*.yaml")):
        definition = yaml.safe_load(path.read_text("utf-8"))
        kind, version = definition["spec"]["names"]["kind"], definition["spec"]["versions"][0]["name"]
        schemas[f"{kind.lower()}-cutline-{version}"] = _own_schema(definition)
    for name, schema in schemas.items():
        # Draft 7 ignores what stands beside a $ref, so the reference is wrapped.
        text = {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "definitions": published["definitions"],
            "allOf": [schema],
        }
        (folder / f"{name}.json").write_text(json.dumps(text), "utf-8")


@pytest.fixture(scope="session")
def judge(kubeconform_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """kubeconform, strict, over manifests or the text of some."""
    folder = tmp_path_factory.mktemp("schemas")
    _write_schemas(folder)
    location = f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"

    def judged(manifests: list[Manifest] | str) -> subprocess.CompletedProcess[str]:
        text = manifests if isinstance(manifests, str) else yaml.safe_dump_all(manifests)
        command = [str(kubeconform_path), "-strict", "-summary", "-verbose", "-skip", ",".join(_OTHERS)]
        command += ["-schema-location", location, "-"]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)

    return judged


def _passes(result: subprocess.CompletedProcess[str], count: int, others: int = 0) -> None:
    assert result.returncode == 0, result.stdout
    assert f"Valid: {count - others}, Invalid: 0, Errors: 0, Skipped: {others}" in result.stdout


@FORMS
def test_everything_in_a_release_is_as_its_kind_says(judge: Judge, helm: str, values: tuple[str, ...]) -> None:
    # The text as Helm sends it: parsed and written again, keys that stand twice would be lost.
    text = chart.rendered(helm, values)
    manifests = [document for document in yaml.safe_load_all(text) if document]
    others = [manifest for manifest in manifests if f"{manifest['apiVersion']}/{manifest['kind']}" in _OTHERS]
    assert bool(others) == (values in (chart.CERT_MANAGER, chart.MONITORED))
    _passes(judge(text), len(manifests), len(others))


def test_starter_policy_is_a_valid_policy(judge: Judge, render: Render) -> None:
    starter = config_of(render())["starterPolicy"]
    policy = {
        "apiVersion": "cutline.dev/v1alpha1",
        "kind": "ReversibilityPolicy",
        "metadata": {"name": starter["name"]},
        "spec": starter["spec"],
    }
    _passes(judge([policy]), 1)


def _shown_on(page: Path) -> list[str]:
    """The blocks of a page that hold manifests, as they stand there."""
    return [text for text in _SHOWN.findall(page.read_text("utf-8")) if any(map(_is_object, yaml.safe_load_all(text)))]


def _is_object(document: Any) -> bool:
    if not isinstance(document, dict) or not {"apiVersion", "kind"} <= document.keys():
        return False
    return f"{document['apiVersion']}/{document['kind']}" not in _FILES


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.name)
def test_manifests_on_a_page_are_as_their_kinds_say(judge: Judge, page: Path) -> None:
    shown = "---\n".join(_shown_on(page))
    objects = [document for document in yaml.safe_load_all(shown) if document]
    others = [one for one in objects if f"{one['apiVersion']}/{one['kind']}" in _OTHERS]
    _passes(judge(shown), len(objects), len(others))


def test_a_page_shows_one_of_each_of_our_kinds() -> None:
    assert len(_shown_on(ROOT / "docs" / "reference" / "kinds.md")) == len(list((ROOT / "crds").glob("*.yaml")))


def test_examples_are_as_their_kinds_say(judge: Judge) -> None:
    for path in _EXAMPLES:
        result = judge(path.read_text("utf-8"))
        assert result.returncode == 0, f"{path.name}: {result.stdout}"


def _edited(manifests: list[Manifest], kind: str, path: str, value: Any) -> list[Manifest]:
    (found, *_) = [manifest for manifest in manifests if manifest["kind"] == kind]
    *parents, last = path.split(".")
    node: Any = found
    for name in parents:
        node = node[int(name)] if name.isdigit() else node[name]
    node[last] = value
    return [found]


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", "spec.replica", 2),
        ("Deployment", "spec.replicas", "two"),
        ("Deployment", "spec.template.spec.containers.0.livenesProbe", {}),
        ("Deployment", "spec.template.spec.containers.0.ports.0.containerPort", "https"),
        ("Deployment", "spec.template.spec.containers.0.resources.limits.memory", ["384Mi"]),
        ("Deployment", "metadata.label", {}),
        ("Deployment", "apiVersion", "apps/v1beta1"),
        ("PodDisruptionBudget", "spec.minAvailable", {}),
        ("NetworkPolicy", "spec.egress.0.ports.0.port", True),
        ("ClusterRole", "rules.0.verb", ["get"]),
        ("FlowSchema", "spec.matchingPrecedence", "800"),
        ("CustomResourceDefinition", "spec.versions.0.schema.openAPIV3Schema.propertys", {}),
        ("ReversibilityPolicy", "spec.lines.0.require.approvals", "1"),
        ("ReversibilityPolicy", "spec.lines.0.requires", {}),
        ("ReversibilityPolicy", "metadata.nam", "production"),
    ],
    ids=lambda part: part if isinstance(part, str) else json.dumps(part),
)
def test_an_unknown_field_or_a_wrong_type_is_found(
    judge: Judge, render: Render, kind: str, path: str, value: Any
) -> None:
    shown = _shown_on(ROOT / "docs" / "reference" / "kinds.md")
    manifests = [*render(), *(yaml.safe_load(text) for text in shown)]
    result = judge(_edited(manifests, kind, path, value))
    assert result.returncode == 1, result.stdout
    assert "Valid: 0" in result.stdout


def test_a_field_that_stands_twice_is_found(judge: Judge) -> None:
    result = judge("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nmetadata: {name: b}\n")
    assert result.returncode == 1, result.stdout


def test_a_kind_that_nobody_generated_is_no_success(judge: Judge) -> None:
    result = judge([{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}}])
    assert result.returncode == 1
    assert "could not find schema for Job" in result.stdout
