"""Who acts in the testbed: an AI agent, a robot, and humans with different duties. Data only.

Each gets an identity that Kubernetes authenticates by itself (a client certificate or a
service-account token). It refuses to put any test human into system:masters: that group passes
every authorisation check, so a test with it would prove nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cutline_testbed import rbac

AGENT_NAMESPACE = "agents"
AGENT_ACCOUNT = "ai-sre"


@dataclass(frozen=True, slots=True)
class Persona:
    """Authenticated by certificate, unless it is a service account (then by token)."""

    name: str
    purpose: str
    groups: tuple[str, ...] = ()
    service_account: tuple[str, str] | None = None

    @property
    def username(self) -> str:
        if self.service_account is None:
            return self.name
        namespace, account = self.service_account
        return f"system:serviceaccount:{namespace}:{account}"


PERSONAS: tuple[Persona, ...] = (
    Persona("admin", "sets the testbed up; passes every check", ("system:masters",)),
    Persona("agent", "an AI agent with broad rights on workloads", (), (AGENT_NAMESPACE, AGENT_ACCOUNT)),
    Persona("robot", "automation with a client certificate and the agent's rights", ("automation",)),
    Persona("alice", "an engineer on call", ("people", "sre")),
    Persona("bob", "a second engineer on call", ("people", "sre")),
    Persona("sam", "a senior engineer on call", ("people", "sre", "seniors")),
    Persona("platform", "owns policies and namespaces, reads everything", ("people", "platform")),
    Persona("mallory", "a human bound to cluster-admin who should know better", ("people",)),
)

BY_NAME = {persona.name: persona for persona in PERSONAS}


def manifests() -> list[dict[str, Any]]:
    """What must exist before the personas can work, in order."""
    agent = rbac.service_account(AGENT_NAMESPACE, AGENT_ACCOUNT)
    workers = [agent, rbac.user("robot"), rbac.group("sre")]
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": AGENT_NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": AGENT_ACCOUNT, "namespace": AGENT_NAMESPACE},
        },
        *rbac.cluster_roles(),
        rbac.role_binding("testbed-workloads", rbac.WORKLOADS_ROLE, workers),
        rbac.role_binding("testbed-view", rbac.VIEW_ROLE, workers),
        rbac.role_binding("testbed-platform", rbac.PLATFORM_ROLE, [rbac.group("platform")]),
        rbac.role_binding("testbed-mallory", "cluster-admin", [rbac.user("mallory")]),
        rbac.role_binding("testbed-kwok", rbac.KWOK_ROLE, [rbac.user("kwok")]),
    ]
