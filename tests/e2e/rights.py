"""The rights of Cutline's service accounts, as the installed release grants them."""

from typing import Any

import yaml

from tests.e2e.cluster import SYSTEM, Cluster
from tests.least_rights import Account, Right, granted

WEBHOOK, OPERATOR = Account(SYSTEM, "cutline-webhook"), Account(SYSTEM, "cutline-operator")
ACCOUNTS = (WEBHOOK, OPERATOR)


def rights_of(cluster: Cluster, account: Account) -> frozenset[Right]:
    """All that the release's roles grant to it."""
    release = cluster.run("admin", "helm", "get", "manifest", "cutline", "-n", SYSTEM).must_pass().output
    manifests: list[dict[str, Any]] = [tree for tree in yaml.safe_load_all(release) if tree]
    return granted(manifests, account)
