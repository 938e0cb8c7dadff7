"""What every command works with: the API server, the namespaces, the terminal, the time."""

import os
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cutline.api.settings import load_settings
from cutline.api.users import user_from_user_info
from cutline.domain.errors import BadObject
from cutline.domain.user import HumanPredicate, User
from cutline.kube.client import KubeClient
from cutline.kube.errors import Forbidden, NotFound
from cutline.kube.resources import CONFIGMAPS, SELF_SUBJECT_REVIEWS
from cutline.process.clock import utc_now
from cutline_cli.console import Console
from cutline_cli.patience import PatientClient

USER_AGENT = "kubectl-cutline"
SYSTEM_NAMESPACE_VARIABLE = "CUTLINE_NAMESPACE"
DEFAULT_SYSTEM_NAMESPACE = "cutline-system"
_REQUEST_SECONDS = 20.0
_CONFIG_MAP = "cutline-config"
_CONFIG_KEY = "config.yaml"


@dataclass(frozen=True, slots=True)
class Session:
    """One run of one command, as the user whose kubeconfig it is."""

    client: KubeClient
    console: Console
    namespace: str
    given_namespace: str | None
    """What `-n` said, if it was given: a command that we run is then told the same."""
    system_namespace: str
    kubeconfig: Path | None
    context: str | None
    wants_json: bool

    def now(self) -> datetime:
        """The API server's clock, as far as its answers have shown it; ours otherwise."""
        skew = self.client.clock_skew or 0.0
        return utc_now() - timedelta(seconds=skew)

    async def user(self) -> User:
        """Who we are to the API server."""
        answer = await self.client.create(
            SELF_SUBJECT_REVIEWS, {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        )
        return user_from_user_info((answer.get("status") or {}).get("userInfo"))

    async def humans(self) -> HumanPredicate | None:
        """Who counts as a human here, or `None` for those who may not read the configuration."""
        try:
            tree = await self.client.get(CONFIGMAPS, _CONFIG_MAP, self.system_namespace)
        except (Forbidden, NotFound):
            return None
        try:
            return load_settings((tree.get("data") or {}).get(_CONFIG_KEY) or "").humans
        except BadObject:
            return None


@asynccontextmanager
async def opened(arguments: Namespace, console: Console) -> AsyncIterator[Session]:
    """The session that the common flags describe; raises `BadKubeconfig`."""
    client = await PatientClient.connect(
        arguments.kubeconfig,
        arguments.context,
        user_agent=USER_AGENT,
        timeout=_REQUEST_SECONDS,
        on_warning=lambda text: console.note(f"warning: {text}"),
    )
    async with client:
        yield Session(
            client=client,
            console=console,
            namespace=arguments.namespace or client.namespace,
            given_namespace=arguments.namespace,
            system_namespace=arguments.system_namespace or system_namespace_of_process(),
            kubeconfig=arguments.kubeconfig,
            context=arguments.context,
            wants_json=arguments.output == "json",
        )


def system_namespace_of_process() -> str:
    """Cutline's own namespace, where nobody says otherwise on the command line."""
    return os.environ.get(SYSTEM_NAMESPACE_VARIABLE) or DEFAULT_SYSTEM_NAMESPACE
