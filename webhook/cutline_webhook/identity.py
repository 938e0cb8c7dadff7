"""What the operator gives the webhook to serve with: certificate, key and secret path.

All of it stands in one Secret, which is read again every few seconds: a certificate that
was replaced is served without a restart, from the next handshake on.
"""

import asyncio
import base64
import binascii
import logging
import ssl

from cutline.kube.client import KubeClient
from cutline.kube.errors import KubeError
from cutline.kube.resources import SECRETS
from cutline_webhook.metrics import Metrics
from cutline_webhook.tls import BadCertificate, replace_certificate

SECRET_NAME = "cutline-webhook-tls"  # noqa: S105 - the name of a Secret, not a secret
_POLL_SECONDS = 10.0
_FIRST_POLL_SECONDS = 0.5  # until there is one: the operator may be starting too

_log = logging.getLogger(__name__)


class ServingIdentity:
    """Keeps an SSL context and the secret path as the Secret says."""

    def __init__(self, client: KubeClient, namespace: str, context: ssl.SSLContext, metrics: Metrics) -> None:
        self._client = client
        self._namespace = namespace
        self._context = context
        self._metrics = metrics
        self._served: tuple[bytes, bytes] | None = None
        self._path = ""

    @property
    def path(self) -> str:
        """The random part of the webhook's paths; empty until it is known."""
        return self._path

    @property
    def is_complete(self) -> bool:
        return bool(self._path) and self._served is not None

    async def run(self) -> None:
        """Follow the Secret until cancelled; what cannot be read leaves what is served as it is."""
        while True:
            try:
                await self._read()
            except (KubeError, BadCertificate, KeyError, binascii.Error, UnicodeDecodeError) as error:
                _log.warning("secret %s cannot be used: %s", SECRET_NAME, error)
            await asyncio.sleep(_POLL_SECONDS if self.is_complete else _FIRST_POLL_SECONDS)

    async def _read(self) -> None:
        secret = await self._client.get(SECRETS, SECRET_NAME, self._namespace)
        data = {key: base64.b64decode(value, validate=True) for key, value in (secret.get("data") or {}).items()}
        pair = data["tls.crt"], data["tls.key"]
        if pair != self._served:
            served = replace_certificate(self._context, *pair)
            self._served = pair
            self._metrics.set_certificate_expiry(served.not_after)
            _log.info("serving certificate %s", served.sha256)
        self._path = data["path"].decode("ascii")
