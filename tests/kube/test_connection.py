"""Credentials: found in kubectl's order, renewed, and never silently absent."""

import asyncio
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
from kubernetes.config import incluster_config

from cutline.kube import connection
from cutline.kube.errors import BadKubeconfig
from tests.kube.api_server import write_kubeconfig
from tests.webhook.certificates import Authority

HTTPS = "https://127.0.0.1:6443"


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def header(kubeconfig: Path | None, context: str | None = None) -> str | None:
    async def scenario() -> str | None:
        _, tokens = connection.load(kubeconfig, context)
        first = await tokens.header()
        assert await tokens.header() == first
        return first

    return asyncio.run(scenario())


def exec_plugin(tmp_path: Path, script: str) -> dict[str, Any]:
    program = tmp_path / "plugin.py"
    program.write_text(script, encoding="utf-8")
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": [str(program)],
            "interactiveMode": "Never",
        }
    }


def test_a_token_and_the_namespace_come_from_the_context(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "k", HTTPS, {"token": "abc"})
    assert header(path) == "Bearer abc"
    assert connection.load(path, "x")[0].namespace == "shop"


def test_a_newline_at_the_end_of_a_token_file_is_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n", encoding="utf-8")
    path = write_kubeconfig(tmp_path / "k", HTTPS, {"tokenFile": str(tmp_path / "token")})
    assert header(path) == "Bearer abc"


def test_a_token_cannot_smuggle_a_header(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "k", HTTPS, {"token": "abc\r\nImpersonate-User: root"})
    with pytest.raises(BadKubeconfig, match="control characters"):
        header(path)


def test_an_exec_plugin_is_asked_again_when_its_token_expires(tmp_path: Path) -> None:
    script = f"""
import json, pathlib
counter = pathlib.Path({str(tmp_path / "counter")!r})
count = int(counter.read_text()) + 1 if counter.exists() else 1
counter.write_text(str(count))
status = {{"token": f"token-{{count}}", "expirationTimestamp": "2020-01-01T00:00:00Z"}}
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}}))
"""
    path = write_kubeconfig(tmp_path / "k", HTTPS, exec_plugin(tmp_path, script))
    # Once when loading; the token is over by then, so once more for the first request.
    assert header(path) == "Bearer token-2"


def test_a_failing_exec_plugin_is_not_nobody(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "k", HTTPS, exec_plugin(tmp_path, "raise SystemExit(1)"))
    with pytest.raises(BadKubeconfig, match="no usable credential"):
        connection.load(path, None)


@pytest.mark.parametrize("content", ["", "{", "[]", "kind: Config", "clusters: 3\ncurrent-context: x"])
def test_a_malformed_kubeconfig_is_one_kind_of_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "k"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadKubeconfig):
        connection.load(path, None)


def test_an_unknown_context_and_a_missing_file_are_errors(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "k", HTTPS, {"token": "abc"})
    with pytest.raises(BadKubeconfig, match="other"):
        connection.load(path, "other")
    with pytest.raises(BadKubeconfig, match="absent"):
        connection.load(tmp_path / "absent", None)


def test_credentials_are_looked_for_as_kubectl_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadKubeconfig, match="service account"):
        connection.load(None, None)
    (tmp_path / ".kube").mkdir()
    write_kubeconfig(tmp_path / ".kube" / "config", HTTPS, {"token": "home"})
    assert header(None) == "Bearer home"
    path = write_kubeconfig(tmp_path / "k", HTTPS, {"token": "environment"})
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'absent'}:{path}")
    assert header(None) == "Bearer environment"
    assert header(write_kubeconfig(tmp_path / "e", HTTPS, {"token": "explicit"})) == "Bearer explicit"


def test_a_pod_uses_its_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in {"token": "t0\n", "namespace": "cutline-system", "ca.crt": Authority("ca").pem}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setattr(connection, "_SERVICE_ACCOUNT_NAMESPACE", tmp_path / "namespace")
    assert header(None) == "bearer t0"
    endpoint, _ = connection.load(None, None)
    assert (endpoint.server, endpoint.namespace) == ("https://10.0.0.1:443", "cutline-system")


def test_verification_is_off_only_on_request(tmp_path: Path) -> None:
    strict = connection.load(write_kubeconfig(tmp_path / "a", HTTPS, {"token": "t"}), None)[0]
    assert strict.tls is not None
    assert (strict.tls.verify_mode, strict.tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    careless = write_kubeconfig(tmp_path / "b", HTTPS, {"token": "t"}, **{"insecure-skip-tls-verify": True})
    endpoint = connection.load(careless, None)[0]
    assert endpoint.tls is not None
    assert endpoint.tls.verify_mode is ssl.CERT_NONE


def test_a_proxy_is_used_unless_exempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"proxy-url": "http://proxy:3128", "tls-server-name": "kubernetes"}
    endpoint = connection.load(write_kubeconfig(tmp_path / "a", HTTPS, {"token": "t"}, **cluster), None)[0]
    assert (endpoint.proxy, endpoint.tls_server_name) == ("http://proxy:3128", "kubernetes")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert connection.load(tmp_path / "a", None)[0].proxy is None
    monkeypatch.delenv("NO_PROXY")
    socks = write_kubeconfig(tmp_path / "b", HTTPS, {"token": "t"}, **{"proxy-url": "socks5://proxy:1080"})
    with pytest.raises(BadKubeconfig, match="socks5"):
        connection.load(socks, None)
