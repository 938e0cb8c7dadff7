"""What a release serves and trusts, and what it says of its certificates."""

import base64

from tests.e2e.cluster import SYSTEM, Cluster
from tests.e2e.waiting import await_true

TLS, CA, GIVEN = "cutline-webhook-tls", "cutline-ca", "gate-tls"


def state(cluster: Cluster) -> dict[str, str]:
    return dict(cluster.get("configmap", "cutline-operator-state", SYSTEM).get("data") or {})


def await_settled(cluster: Cluster) -> None:
    await_true(lambda: state(cluster).get("certificates") == "Settled", "the certificates were settled")


def await_blocked(cluster: Cluster, problem: str) -> None:
    await_true(
        lambda: state(cluster).get("certificatesMessage", "").startswith(f"{problem}: secret {GIVEN}"),
        f"the operator said {problem}",
    )


def trusted(cluster: Cluster) -> str:
    """The one bundle of all webhooks of the gate."""
    webhooks = cluster.get("validatingwebhookconfiguration", "cutline-gate")["webhooks"]
    (bundle,) = {webhook["clientConfig"]["caBundle"] for webhook in webhooks}
    return base64.b64decode(bundle).decode()


def in_secret(cluster: Cluster, name: str, key: str) -> str:
    return base64.b64decode(cluster.get("secret", name, SYSTEM)["data"][key]).decode()
