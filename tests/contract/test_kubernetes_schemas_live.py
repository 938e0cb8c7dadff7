"""The stored schemas of Kubernetes' own kinds, compared with what a real API server publishes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hack.kubernetes_schemas import FILE, as_text, schemas

from cutline_testbed.programs import KUBERNETES_VERSION

pytestmark = pytest.mark.e2e


def test_stored_schemas_are_the_api_servers(kubectl_path: Path, bare_admin_kubeconfig: Path) -> None:
    def get(path: str) -> Any:
        command = [str(kubectl_path), "--kubeconfig", str(bare_admin_kubeconfig), "get", "--raw", path]
        return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)

    published = schemas(get)
    stored = json.loads(FILE.read_text("utf-8"))
    # Against a cluster of another version there is nothing to compare: the file says which one it is of.
    if published["kubernetes"] == stored["kubernetes"]:
        assert published == stored, "run `python -m hack.kubernetes_schemas`"
        assert FILE.read_text("utf-8") == as_text(published)


def test_stored_schemas_are_of_the_testbeds_version() -> None:
    assert json.loads(FILE.read_text("utf-8"))["kubernetes"] == KUBERNETES_VERSION
