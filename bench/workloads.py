"""The objects that the benchmarks work on: Deployments of the sizes that one meets in clusters."""

from collections.abc import Mapping
from typing import Any

LINE = {"cutline.dev/line": "production"}
# Two containers with a dozen variables each make an object of 8 KB, managedFields included, and so
# a review of 16 KB, which carries the object twice.
ORDINARY = (2, 12)
BIG = (10, 46)


def namespace_path(name: str) -> str:
    return f"/api/v1/namespaces/{name}"


def deployment_path(namespace: str, name: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


def namespace(name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels)}}


def deployment(
    name: str, replicas: int, *, size: tuple[int, int] = ORDINARY, paused: bool = False, image: str = "v1"
) -> dict[str, Any]:
    """`size` counts containers and their variables.

    A paused Deployment that was never rolled out has no ReplicaSet: its replicas are a number that
    can be changed a thousand times without a pod being made or ended, which would disturb the clock.
    """
    containers, variables = size
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "bench"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels, "annotations": {"example.com/owner": "team-checkout"}},
        "spec": {
            "replicas": replicas,
            "paused": paused,
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "template": {
                "metadata": {"labels": labels, "annotations": {"prometheus.io/scrape": "true"}},
                "spec": {
                    "containers": [_container(number, variables, image) for number in range(containers)],
                    "terminationGracePeriodSeconds": 1,
                },
            },
        },
    }


def _container(number: int, variables: int, image: str) -> dict[str, Any]:
    health = {"path": "/healthz", "port": "http"}
    return {
        "name": f"part-{number}",
        "image": f"registry.example.com/checkout/part-{number}:{image}",
        "args": ["--listen=:8080", "--log-format=json", "--shutdown-grace=20s"],
        "ports": [{"name": "http", "containerPort": 8080 + number}] if number == 0 else [],
        "env": [
            {"name": f"SETTING_{index:02d}", "value": f"https://service-{index}.shop.svc"} for index in range(variables)
        ],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "readinessProbe": {"httpGet": health} if number == 0 else None,
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True},
    }
