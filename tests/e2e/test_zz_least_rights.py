"""Each right that the chart grants to the webhook and the operator is used, and each that they use is granted.

The rights are those of the installed release, their use is what the API server's audit log says. This file comes
last, so that what the tests before it made the two ask for is in the log, too; to find every right used it does
not depend on them, for it makes an occasion for each itself.
"""

import time
from collections.abc import Iterable

import pytest

from tests.e2e import occasions
from tests.e2e.audit_log import AuditTail, everything
from tests.e2e.cluster import Cluster
from tests.e2e.rights import ACCOUNTS, OPERATOR, WEBHOOK, rights_of
from tests.least_rights import Account, Right, not_granted, not_used, requests_of

pytestmark = pytest.mark.e2e

ROUNDS_SECONDS = 90.0

# What no request shows. OwnerReferencesPermissionEnforcement, an admission plugin that some distributions turn on,
# lets those alone put back the owner of an object who could delete it. It asks the authorizer: no request is sent.
# test_certificates.py has it turned on.
UNSEEN: dict[Account, frozenset[Right]] = {
    WEBHOOK: frozenset(),
    OPERATOR: frozenset(
        Right("delete", "admissionregistration.k8s.io", resource, name)
        for resource, name in (
            ("validatingwebhookconfigurations", "cutline-gate"),
            ("validatingwebhookconfigurations", "cutline-kinds"),
            ("mutatingwebhookconfigurations", "cutline-kinds"),
        )
    ),
}


def _said(rights: Iterable[Right]) -> list[str]:
    return sorted(map(str, rights))


def test_every_right_is_used(cluster: Cluster) -> None:
    unused = {account: rights_of(cluster, account) for account in ACCOUNTS}
    with AuditTail(cluster.testbed.layout.audit_log("kube-apiserver")) as tail:
        _make_every_occasion(cluster)

        def left() -> dict[str, list[str]]:
            lines = list(tail.lines())
            for account in ACCOUNTS:
                unused[account] = not_used(unused[account], requests_of(lines, account))
            rest = {account.name: _said(unused[account] - UNSEEN[account]) for account in ACCOUNTS}
            return {name: rights for name, rights in rest.items() if rights}

        # The operator goes its rounds, and the last of what it does may be seconds away.
        deadline = time.monotonic() + ROUNDS_SECONDS
        while granted_for_nothing := left():
            assert time.monotonic() < deadline, f"the chart grants what nobody used: {granted_for_nothing}"
            time.sleep(0.2)


def _make_every_occasion(cluster: Cluster) -> None:
    ns = cluster.namespace()
    occasions.workloads(cluster, ns)
    occasions.proposals_about_every_kind(cluster, ns)
    occasions.drafts(cluster, ns)
    occasions.withdrawn_proposal(cluster, ns)
    occasions.records_removed_in_time(cluster, ns, occasions.used_proposal(cluster, ns))
    occasions.policy_that_selects_nothing(cluster)
    occasions.certificates_made_anew(cluster)
    occasions.notes_made_anew(cluster)


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.name)
def test_nothing_was_asked_for_that_is_not_granted(cluster: Cluster, account: Account) -> None:
    requests = list(requests_of(everything(cluster.testbed), account))
    assert requests, "the audit log says nothing about this account"
    assert not _said(not_granted(rights_of(cluster, account), requests))


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.name)
def test_what_is_said_to_leave_no_trace_leaves_none(cluster: Cluster, account: Account) -> None:
    unseen = UNSEEN[account]
    assert unseen <= rights_of(cluster, account), "the chart grants it no more: take it out of UNSEEN"
    seen = unseen - not_used(unseen, requests_of(everything(cluster.testbed), account))
    assert not _said(seen), "take it out of UNSEEN"
