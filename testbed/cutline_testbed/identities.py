"""Turns personas and components into files: certificates and kubeconfigs.

It refuses to decide who may do what (rbac.py) and who there is (personas.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cutline_testbed import components, personas, rbac
from cutline_testbed.kube_api import KubeApi, path_of
from cutline_testbed.kubeconfig import certificate_login, token_login, write_kubeconfig
from cutline_testbed.layout import Layout
from cutline_testbed.pki import Authority, ensure_service_account_key, write_private
from cutline_testbed.ports import HOST
from cutline_testbed.state import Options, State

TOKEN_LIFETIME_S = 24 * 60 * 60


def create_personas(api: KubeApi, options: Options) -> None:
    """Namespaces, accounts and rights."""
    for manifest in personas.manifests():
        api.apply(manifest)
    if options.real_nodes:
        for manifest in rbac.for_real_nodes():
            api.apply(manifest)
    as_one = rbac.controllers_as_one()
    if options.service_account_credentials:
        # An earlier start may have been without.
        api.delete(path_of(as_one))
    else:
        api.apply(as_one)


@dataclass(frozen=True, slots=True)
class Issuer:
    """Writes credentials of one testbed."""

    layout: Layout
    state: State

    def write_all(self) -> None:
        """Everything that needs no running API server."""
        # The authority first: it makes the folder.
        _ = Authority(self.layout.pki)
        ensure_service_account_key(self.layout.pki)
        self.write_server(self.layout.pki / "apiserver", "kube-apiserver", self._api_addresses())
        if self.state.addresses is not None:
            # The files of one certificate, not a kubeconfig: it is for what kubelets serve.
            caller = Authority(self.layout.pki).client(rbac.KUBELET_CLIENT)
            write_private(self.layout.pki / "kubelet-client.key", caller.key)
            (self.layout.pki / "kubelet-client.crt").write_bytes(caller.certificate)
        for component, user in components.IDENTITIES.items():
            self.write_client(self.layout.component_kubeconfig(component), user)
        for persona in personas.PERSONAS:
            if persona.service_account is None:
                self.write_client(self.layout.kubeconfig(persona.name), persona.name, persona.groups)
        for number, server in enumerate(components.api_servers(self.state.options)[1:], start=2):
            admin = personas.BY_NAME["admin"]
            path = self.layout.kubeconfig(f"admin-{number}")
            self.write_client(path, admin.name, admin.groups, server=server)

    def write_client(
        self, path: Path, user: str, groups: Sequence[str] = (), *, server: str = components.API_SERVER
    ) -> Path:
        """A kubeconfig with a new client certificate."""
        credential = Authority(self.layout.pki).client(user, groups)
        self._write(path, user, certificate_login(credential), server)
        return path

    def write_server(self, path: Path, name: str, addresses: Sequence[str]) -> None:
        """A serving certificate and its key, at `path` with .crt and .key behind it."""
        serving = Authority(self.layout.pki).server(name, addresses)
        write_private(path.with_name(f"{path.name}.key"), serving.key)
        path.with_name(f"{path.name}.crt").write_bytes(serving.certificate)

    def write_account(self, path: Path, api: KubeApi, namespace: str, account: str) -> Path:
        """A kubeconfig with a new token of a service account."""
        token = api.token(namespace, account, TOKEN_LIFETIME_S)
        self._write(path, f"{namespace}-{account}", token_login(token), components.API_SERVER)
        return path

    def write_agent(self, api: KubeApi) -> None:
        """Its token lasts a day, so each `up` renews it."""
        path = self.layout.kubeconfig("agent")
        self.write_account(path, api, personas.AGENT_NAMESPACE, personas.AGENT_ACCOUNT)

    def _api_addresses(self) -> list[str]:
        addresses = self.state.addresses
        if addresses is None:
            return [HOST, components.FIRST_SERVICE]
        return [HOST, addresses.host, addresses.first_service]

    def _write(self, path: Path, user: str, login: dict[str, str], server: str) -> None:
        write_kubeconfig(
            path,
            cluster=f"testbed-{self.layout.name}",
            server=f"https://{self.state.host}:{self.state.ports[server]}",
            authority=Authority(self.layout.pki).pem,
            user=user,
            login=login,
        )
