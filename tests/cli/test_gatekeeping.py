"""Nothing that is not a dry run leaves the rehearsal's proxy."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutline_cli.rehearsal.gatekeeping import Incoming, NotForwarded, Outgoing, judged

_PODS = "/api/v1/namespaces/shop/pods"


def request(method: str = "GET", path: str = f"{_PODS}/web-0", query: str = "", body: bytes = b"") -> Incoming:
    return Incoming(method, path, query, body, "application/json")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("query", ["", "dryRun=", "dryRun=None", "dryRun=None&dryRun=All", "fieldManager=x&dryRun=All"])
def test_every_write_becomes_a_dry_run(method: str, query: str) -> None:
    outgoing = judged(request(method, query=query))
    assert isinstance(outgoing, Outgoing)
    assert [value for key, value in parse_qsl(outgoing.query) if key == "dryRun"] == ["All"]


def test_other_parameters_stay() -> None:
    outgoing = judged(request("PATCH", query="fieldManager=kubectl&force=true"))
    assert outgoing == Outgoing(f"{_PODS}/web-0", "fieldManager=kubectl&force=true&dryRun=All")
    assert judged(request(query="watch=true&limit=500")) == Outgoing(f"{_PODS}/web-0", "watch=true&limit=500")


def test_a_delete_is_judged_by_its_body() -> None:
    assert isinstance(judged(request("DELETE", body=b'{"dryRun":["All"]}')), Outgoing)
    for body in (b'{"propagationPolicy":"Background"}', b"{}", b"rubbish"):
        # The API server ignores the query of a delete that has a body.
        assert isinstance(judged(request("DELETE", query="dryRun=All", body=body)), NotForwarded)


def test_a_delete_without_a_body_is_made_a_dry_run() -> None:
    assert judged(request("DELETE")) == Outgoing(f"{_PODS}/web-0", "dryRun=All")


@pytest.mark.parametrize(
    "path",
    [
        f"{_PODS}/web-0/exec",
        f"{_PODS}/web-0/%65xec",
        f"{_PODS}/web-0/attach",
        f"{_PODS}/web-0/portforward",
        f"{_PODS}/web-0/proxy/delete-all",
        "/api/v1/namespaces/shop/services/web/proxy",
        "/api/v1/nodes/node-1/proxy/run",
        "/api/v1/proxy/nodes/node-1",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_connections_stay_here(path: str, method: str) -> None:
    assert isinstance(judged(request(method, path)), NotForwarded)


@pytest.mark.parametrize("path", [f"{_PODS}/../secrets", "/api/v1/%2e%2e/x", f"{_PODS}/a%252Fexec"])
def test_paths_in_doubt_stay_here(path: str) -> None:
    assert isinstance(judged(request("GET", path)), NotForwarded)


@pytest.mark.parametrize(
    "path", ["/api/v1/namespaces/proxy/pods/exec", "/apis/apps/v1/namespaces/exec/deployments/proxy"]
)
def test_objects_may_have_such_names(path: str) -> None:
    assert isinstance(judged(request("GET", path)), Outgoing)


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "OPTIONS", "MERGE", "get"])
def test_unknown_methods_stay_here(method: str) -> None:
    assert isinstance(judged(request(method)), NotForwarded)


def test_upgrades_stay_here() -> None:
    assert isinstance(judged(Incoming("GET", _PODS, "", b"", "", wants_upgrade=True)), NotForwarded)


@given(st.sampled_from(["POST", "PUT", "PATCH", "DELETE"]), st.text(max_size=60), st.text(max_size=80))
def test_whatever_the_query_a_write_that_leaves_is_a_dry_run(method: str, name: str, query: str) -> None:
    outgoing = judged(request(method, f"{_PODS}/{name}", query))
    if isinstance(outgoing, Outgoing):
        assert [value for key, value in parse_qsl(outgoing.query) if key == "dryRun"] == ["All"]
        assert outgoing.query.isascii()
        assert outgoing.path.isascii()
