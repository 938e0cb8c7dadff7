"""An installation in memory whose API servers and replicas lag behind what is written, each in its own way.

The operator's own passes run in it, and may be killed at any write. What is looked at is the one thing that
matters: whether every API server, with the configuration that it knows, can verify every replica, with the
certificate that it has read.
"""

import asyncio
import base64
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast

from cryptography import x509

from cutline.api.settings import InstallationSettings, load_settings
from cutline.kube.client import KubeClient
from cutline.kube.errors import AlreadyExists, Conflict, NotFound
from cutline.kube.resources import ResourceRef
from cutline_operator.certificate_keeper import CertificateKeeper
from cutline_operator.certificate_notices import CertificateNotices
from cutline_operator.certificate_reading import is_signed_by, read_bundle, read_serving
from cutline_operator.certificate_source import Source
from cutline_operator.certificate_steps import Patience
from cutline_operator.certificate_store import SecretStore
from cutline_operator.configure import Configurator
from cutline_operator.events import EventRecorder
from cutline_operator.given_certificate import GivenCertificate
from cutline_operator.installation import Installation
from cutline_operator.metrics import Metrics
from cutline_operator.own_authority import OwnAuthority
from cutline_operator.probe import ProbeResult
from cutline_operator.webhook_address import WebhookAddress, address_of
from cutline_operator.webhook_configurations import Connection, bundles_of, configured_by

NAMESPACE = "cutline-system"
TLS, CA, GIVEN = "cutline-webhook-tls", "cutline-ca", "gate-tls"
_CONFIG = """
namespace: cutline-system
webhookServiceAccount: cutline-webhook
operatorServiceAccount: cutline-operator
humans: {userGroups: [sre]}
webhook: {service: {name: cutline-webhook, port: 443}}
owner: {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, name: cutline-operator}
starterPolicy: {enabled: false}
"""
PATIENCE = Patience(announce=timedelta(seconds=4), trust_former=timedelta(seconds=10))


class Killed(Exception):
    """The operator died: the write after which it did is stored."""


@dataclass
class Objects:
    """What is stored. `writes_left` counts down to the operator's death."""

    stored: dict[tuple[str, str], str] = field(default_factory=dict)
    """As JSON: nobody holds on to what another one changes."""
    writes: int = 0
    dies_at: int = -1
    journal: list[tuple[str, str]] = field(default_factory=list)
    """What was written, and the state of the certificates that people could read at that moment."""
    _versions: Iterator[int] = field(default_factory=itertools.count)

    def find(self, plural: str, name: str) -> dict[str, Any] | None:
        return json.loads(self.stored.get((plural, name), "null"))  # type: ignore[no-any-return]

    def all(self, plural: str) -> list[dict[str, Any]]:
        return [json.loads(text) for (of, _), text in self.stored.items() if of == plural]

    def put(self, plural: str, name: str, tree: dict[str, Any]) -> dict[str, Any]:
        metadata = {"uid": f"uid-of-{name}", **(tree.get("metadata") or {}), "name": name}
        metadata["resourceVersion"] = str(next(self._versions))
        self.stored[plural, name] = json.dumps({**tree, "metadata": metadata})
        return {**tree, "metadata": metadata}

    async def get(self, ref: ResourceRef, name: str, namespace: str | None = None) -> dict[str, Any]:
        found = self.find(ref.plural, name)
        if found is None:
            raise NotFound(404, "NotFound", f"{ref.plural} {name}")
        return found

    async def create(self, ref: ResourceRef, obj: dict[str, Any], namespace: str | None = None) -> dict[str, Any]:
        name = obj["metadata"]["name"]
        if (ref.plural, name) in self.stored:
            raise AlreadyExists(409, "AlreadyExists", name)
        return self._written(ref, name, obj)

    async def replace(
        self, ref: ResourceRef, name: str, obj: dict[str, Any], namespace: str | None = None
    ) -> dict[str, Any]:
        stored = await self.get(ref, name)
        if obj["metadata"]["resourceVersion"] != stored["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict", name)
        return self._written(ref, name, obj)

    def _written(self, ref: ResourceRef, name: str, obj: dict[str, Any]) -> dict[str, Any]:
        state = (self.find("configmaps", "cutline-operator-state") or {}).get("data") or {}
        self.journal.append((f"{ref.plural}/{name}", state.get("certificates", "")))
        written = self.put(ref.plural, name, obj)
        if ref.plural != "events":
            self.writes += 1
            if self.writes == self.dies_at:
                raise Killed(f"after writing {ref.plural}/{name}")
        return written


@dataclass
class ApiServer:
    """Knows the configurations as they were `lag` seconds ago."""

    lag: int
    seen: list[list[dict[str, Any]]] = field(default_factory=list)

    def look(self, configurations: list[dict[str, Any]]) -> None:
        self.seen.append(configurations)

    @property
    def known(self) -> list[dict[str, Any]]:
        index = len(self.seen) - 1 - self.lag
        return self.seen[index] if index >= 0 else []


@dataclass
class Replica:
    """Reads its Secret every `period` seconds, and serves on with what it has if that is of no use."""

    period: int
    leaf: x509.Certificate | None = None
    path: str = ""

    def look(self, tick: int, secret: dict[str, Any] | None) -> None:
        if tick % self.period and self.leaf is not None:
            return
        text = {key: base64.b64decode(value).decode() for key, value in ((secret or {}).get("data") or {}).items()}
        serving = read_serving(text.get("tls.crt", ""), text.get("tls.key", ""))
        if serving is not None and text.get("path"):
            self.leaf, self.path = serving.leaf, text["path"]


class World:
    """One installation, second by second."""

    def __init__(self, *, given: bool = False, patience: Patience = PATIENCE) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.objects = Objects()
        self.api_servers = [ApiServer(0), ApiServer(3)]
        self.replicas = [Replica(1), Replica(5), Replica(21)]
        self.settings: InstallationSettings = load_settings(_CONFIG)
        self.address: WebhookAddress = address_of(self.settings)
        self.metrics = Metrics()
        self.patience = patience
        self.given = given
        self.tick = 0
        self.objects.put("clusterroles", "cutline-operator", {"metadata": {}})
        self.installation = self.new_operator()

    def new_operator(self) -> Installation:
        """One that remembers nothing."""
        client = cast("KubeClient", self.objects)
        recorder = EventRecorder(client, lambda: self.now)
        store = SecretStore(self.objects, NAMESPACE)
        source: Source = OwnAuthority(store, self.address.names)
        if self.given:
            source = GivenCertificate(store, GIVEN, "", self.address.host)
        notices = CertificateNotices(recorder, self.metrics, NAMESPACE, source.secret_name())
        keeper = CertificateKeeper(store, source, self.patience, notices, lambda: self.now)
        configurator = Configurator(client, self._probe, self._probe_replicas, recorder, self.metrics)
        return Installation(client, self.settings, self.address, keeper, configurator, self.metrics)

    async def _probe(self, connection: Connection) -> ProbeResult:
        """Through the Service: the first replica."""
        ready = self.replicas[0].leaf is not None and _verifies(self.replicas[0].leaf, connection.bundle)
        return ProbeResult("" if ready else "no")

    async def _probe_replicas(self, connection: Connection) -> ProbeResult:
        leaves = [replica.leaf for replica in self.replicas if replica.leaf is not None]
        return ProbeResult("" if leaves and all(_verifies(leaf, connection.bundle) for leaf in leaves) else "no")

    def second(self) -> None:
        """A pass of the operator, then the others look."""
        self.tick += 1
        self.now += timedelta(seconds=1)
        try:
            asyncio.run(self.installation.run_once())
        except Killed:
            self.installation = self.new_operator()
        for replica in self.replicas:
            replica.look(self.tick, self.objects.find("secrets", TLS))
        for server in self.api_servers:
            server.look(self.configurations)
        self.check()

    def seconds(self, count: int) -> None:
        for _ in range(count):
            self.second()

    def until_settled(self, most: int = 200) -> int:
        """Go on until all is settled; answers how many seconds that took."""
        for count in range(1, most):
            self.second()
            if self.status == "Settled":
                return count
        raise AssertionError(f"after {most} seconds: {self.status}: {self.state.get('certificatesMessage')}")

    def check(self) -> None:
        """Whether everybody understands everybody."""
        for server in self.api_servers:
            for configuration in server.known:
                for bundle in set(bundles_of(configuration)):
                    for replica in self.replicas:
                        assert replica.leaf is not None
                        assert _verifies(replica.leaf, bundle), f"second {self.tick}: {self.state}"
                        assert configured_by([configuration]).path == replica.path, f"second {self.tick}"

    @property
    def configurations(self) -> list[dict[str, Any]]:
        kinds = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
        return [tree for plural in kinds for tree in self.objects.all(plural)]

    @property
    def state(self) -> dict[str, str]:
        return dict((self.objects.find("configmaps", "cutline-operator-state") or {}).get("data") or {})

    @property
    def status(self) -> str:
        return self.state.get("certificates", "")

    @property
    def trusted(self) -> tuple[x509.Certificate, ...]:
        """All that any configuration trusts."""
        return configured_by(self.configurations).bundle

    @property
    def events(self) -> list[str]:
        return [f"{tree['reason']}: {tree['note']}" for tree in self.objects.all("events")]

    def certificate_in(self, secret: str) -> x509.Certificate:
        tree = self.objects.find("secrets", secret)
        assert tree is not None
        return read_bundle(base64.b64decode(tree["data"]["tls.crt"]).decode())[0]

    def annotate(self, secret: str, key: str, value: str) -> None:
        tree = self.objects.find("secrets", secret)
        assert tree is not None
        tree["metadata"].setdefault("annotations", {})[key] = value
        self.objects.put("secrets", secret, tree)

    def delete(self, secret: str) -> None:
        del self.objects.stored["secrets", secret]

    def bring(self, **data: str) -> None:
        """Write the Secret that others provide."""
        encoded = {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()}
        self.objects.put("secrets", GIVEN, {"data": encoded})


@cache
def _verifies(leaf: x509.Certificate, bundle: str) -> bool:
    return any(is_signed_by(leaf, authority) for authority in read_bundle(bundle))
