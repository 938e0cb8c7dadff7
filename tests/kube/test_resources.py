"""Where resources live, and that no name leads elsewhere."""

import pytest

from cutline.kube.errors import Invalid
from cutline.kube.resources import DEPLOYMENTS, NAMESPACES, NODES, PODS, POLICIES, ResourceRef


@pytest.mark.parametrize(
    ("ref", "parts", "path"),
    [
        (PODS, ("shop", "web", "eviction"), "/api/v1/namespaces/shop/pods/web/eviction"),
        (PODS, (), "/api/v1/pods"),
        (DEPLOYMENTS, ("shop",), "/apis/apps/v1/namespaces/shop/deployments"),
        (NODES, (None, "n1"), "/api/v1/nodes/n1"),
        (NAMESPACES, ("", "shop"), "/api/v1/namespaces/shop"),
        (POLICIES, (None, "a:b c?d#e"), "/apis/cutline.dev/v1alpha1/reversibilitypolicies/a%3Ab%20c%3Fd%23e"),
    ],
)
def test_paths_are_those_of_the_api(ref: ResourceRef, parts: tuple[str | None, ...], path: str) -> None:
    assert ref.path(*parts) == path


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../secrets/x", "web%2Fscale", "%2e%2e", "\ud800"])
def test_a_name_stays_in_its_segment(name: str) -> None:
    for parts in [("shop", name), (name or "..", "web"), ("shop", "web", name)]:
        with pytest.raises(Invalid):
            PODS.path(*parts)


def test_scope_is_checked() -> None:
    with pytest.raises(Invalid, match="cluster-scoped"):
        NODES.path("shop", "n1")
    with pytest.raises(Invalid, match="no namespace"):
        PODS.path(None, "web")
