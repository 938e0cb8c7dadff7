"""Where the webhook is reached: one answer for its certificate, the configurations and the probe."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from cutline.api.settings import InstallationSettings
from cutline.domain.errors import BadObject

_FIELD = "webhook.externalURL"


@dataclass(frozen=True, slots=True)
class WebhookAddress:
    """The URL if there is one (https://host[:port][/path], no slash at its end), else the Service."""

    url: str
    service: str
    service_port: int
    namespace: str

    @property
    def base(self) -> str:
        """What the paths are appended to. The API server calls a Service by this name, too."""
        return self.url or f"https://{self._service_name}:{self.service_port}"

    @property
    def host(self) -> str:
        return urlsplit(self.base).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.base).port or 443

    @property
    def names(self) -> frozenset[str]:
        """All names under which the webhook may be called."""
        return frozenset({self._service_name, f"{self._service_name}.cluster.local", self.host})

    @property
    def _service_name(self) -> str:
        return f"{self.service}.{self.namespace}.svc"


def address_of(settings: InstallationSettings) -> WebhookAddress:
    """The webhook's address; raises `BadObject` for a URL that the API server would refuse."""
    endpoint = settings.endpoint
    try:
        parts = urlsplit(endpoint.external_url)
        usable = parts.scheme == "https" and parts.hostname and parts.port != 0
    except ValueError as error:
        raise BadObject(_FIELD, f"{error}") from error
    if endpoint.external_url and (not usable or parts.query or parts.fragment or "@" in parts.netloc):
        raise BadObject(_FIELD, "must look like https://host[:port][/path]")
    return WebhookAddress(endpoint.external_url, endpoint.service_name, endpoint.service_port, settings.namespace)
