"""How we reach the API server: whose credentials, which CA, which proxy.

All knowledge of kubeconfigs, exec plugins, OIDC and service account tokens is that of the
`kubernetes` package; this module only carries its result over to aiohttp.
"""

import asyncio
import os
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from kubernetes import config
from kubernetes.client import Configuration
from kubernetes.client.rest import should_bypass_proxies
from kubernetes.config import ConfigException
from yaml import YAMLError

from cutline.kube.errors import NO_ANSWER, BadKubeconfig

_SERVICE_ACCOUNT_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_DEFAULT_KUBECONFIG: Final = Path("~/.kube/config")
_TOKEN_KEY: Final = "BearerToken"  # noqa: S105 - the name under which the package keeps the token
_TOKEN_RECHECK_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Everything about the connection that does not change while it is used."""

    server: str  # without a trailing slash
    namespace: str
    tls: ssl.SSLContext | None  # None for plain http, as `kubectl proxy` serves
    tls_server_name: str | None
    proxy: str | None


class TokenSource:
    """The `Authorization` header for the next request.

    The package's refresh hook may run an exec plugin or read a file, so it is called in a thread,
    and at most every ten seconds: the package itself renews minutes before expiry, hence an answer
    that is ten seconds old is still a valid one, and a request costs no thread switch.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._lock = asyncio.Lock()
        self._value: str | None = None
        self._read_at = float("-inf")

    async def header(self) -> str | None:
        """The value to send, None where a client certificate alone identifies us.

        Raises `BadKubeconfig` if the credential cannot be renewed.
        """
        if time.monotonic() - self._read_at < _TOKEN_RECHECK_SECONDS:
            return self._value
        async with self._lock:
            if time.monotonic() - self._read_at >= _TOKEN_RECHECK_SECONDS:
                await self._renew()
        return self._value

    async def _renew(self) -> None:
        try:
            value = await asyncio.to_thread(self._configuration.get_api_key_with_prefix, _TOKEN_KEY)
        except (ConfigException, OSError, ValueError) as error:
            raise _bad(f"the credential cannot be renewed: {error}") from error
        # A token file often ends in a newline, which no header may carry.
        value = value.strip() if value is not None else None
        if value is not None and not value.isprintable():
            raise _bad("the credential holds control characters")
        self._value = value
        self._read_at = time.monotonic()


def load(kubeconfig: Path | None, context: str | None) -> tuple[Endpoint, TokenSource]:
    """Find the credentials: `kubeconfig`, else $KUBECONFIG, else ~/.kube/config, else the pod's own.

    The order is kubectl's. Blocking (files, exec plugins). Raises `BadKubeconfig`.
    """
    configuration = Configuration()
    file = _kubeconfig_file(kubeconfig)
    try:
        if file is None:
            config.load_incluster_config(  # type: ignore[no-untyped-call] # the package is half typed
                client_configuration=configuration
            )
            namespace = _SERVICE_ACCOUNT_NAMESPACE.read_text(encoding="utf-8").strip()
        else:
            config.load_kube_config(  # type: ignore[no-untyped-call] # as above
                config_file=file, context=context, client_configuration=configuration
            )
            namespace = _namespace_of(file, context)
        return _endpoint(configuration, namespace), TokenSource(configuration)
    except (ConfigException, YAMLError, OSError, LookupError, AttributeError, TypeError, ValueError) as error:
        # The package does not validate what it reads, so a malformed file surfaces as any of these.
        origin = "the pod's service account" if file is None else file
        raise _bad(f"no credentials from {origin}: {error}") from error


def _kubeconfig_file(explicit: Path | None) -> str | None:
    """The path (several, joined as in $KUBECONFIG, are merged by the package) or None: in a pod."""
    if explicit is not None:
        return str(explicit)
    from_environment = os.environ.get("KUBECONFIG")
    if from_environment:
        return from_environment
    default = _DEFAULT_KUBECONFIG.expanduser()
    return str(default) if default.exists() else None


def _namespace_of(file: str, context: str | None) -> str:
    contexts, current = config.list_kube_config_contexts(  # type: ignore[no-untyped-call] # as above
        config_file=file
    )
    chosen = current if context is None else next(entry for entry in contexts if entry["name"] == context)
    return str(chosen["context"].get("namespace") or "default")


def _endpoint(configuration: Configuration, namespace: str) -> Endpoint:
    server = str(configuration.host).rstrip("/")
    secure = urlsplit(server).scheme == "https"
    if secure and not configuration.api_key.get(_TOKEN_KEY) and not configuration.cert_file:
        # The package logs a failing exec plugin and goes on as nobody; the user would then read
        # about missing permissions of system:anonymous.
        raise _bad("the chosen user has no usable credential (a failing exec plugin?)")
    return Endpoint(
        server=server,
        namespace=namespace,
        tls=_tls(configuration) if secure else None,
        tls_server_name=configuration.tls_server_name,
        proxy=_proxy(configuration),
    )


def _tls(configuration: Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    # Cluster CAs are made by many tools, some without the key identifiers that Python >= 3.13 insists
    # on, some as an intermediate that stands alone; kubectl accepts them and so must we.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not configuration.verify_ssl:
        # The user wrote insecure-skip-tls-verify into the kubeconfig.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


def _proxy(configuration: Configuration) -> str | None:
    proxy = configuration.proxy
    if not proxy or should_bypass_proxies(configuration.host, configuration.no_proxy or ""):
        return None
    if not proxy.startswith(("http://", "https://")):
        raise _bad(f"only HTTP proxies are supported, not {urlsplit(proxy).scheme or proxy}")
    return str(proxy)


def _bad(message: str) -> BadKubeconfig:
    return BadKubeconfig(NO_ANSWER, "BadKubeconfig", message)
