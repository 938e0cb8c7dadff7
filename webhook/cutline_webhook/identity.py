"""What the operator gives the webhook to serve with: certificate, key and secret path.

All of it stands in one Secret, which is read again every few seconds: a certificate that
was replaced is served without a restart, from the next handshake on. The operator relies on that
when it ends the trust in a former authority, so whoever cannot read the Secret has to be `age`d out.
"""

import asyncio
import base64
import binascii
import logging
import ssl
import time

from cutline.kube.client import KubeClient
from cutline.kube.errors import KubeError, NotFound
from cutline.kube.resources import SECRETS
from cutline_webhook.metrics import Metrics
from cutline_webhook.tls import BadCertificate, replace_certificate

SECRET_NAME = "cutline-webhook-tls"  # noqa: S105 - the name of a Secret, not a secret
_POLL_SECONDS = 5.0
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
        self._read_at = float("-inf")

    @property
    def path(self) -> str:
        """The random part of the webhook's paths; empty until it is known."""
        return self._path

    @property
    def is_complete(self) -> bool:
        return bool(self._path) and self._served is not None

    def age(self) -> float:
        """Seconds since the API server last said what is to be served; infinite before the first time.

        That the Secret is gone or damaged counts: then there is nothing newer to be served.
        """
        return time.monotonic() - self._read_at

    async def run(self) -> None:
        """Follow the Secret until cancelled; what cannot be read leaves what is served as it is."""
        while True:
            try:
                await self._read()
            except (KubeError, BadCertificate, KeyError, binascii.Error, UnicodeDecodeError) as error:
                _log.warning("secret %s cannot be used: %s", SECRET_NAME, error)
            except Exception:
                # A defect of ours. Going on keeps the process observable, and leaves what is served as it is.
                _log.exception("following secret %s failed", SECRET_NAME)
            await asyncio.sleep(_POLL_SECONDS if self.is_complete else _FIRST_POLL_SECONDS)

    async def _read(self) -> None:
        try:
            secret = await self._client.get(SECRETS, SECRET_NAME, self._namespace)
        except NotFound:
            self._read_at = time.monotonic()
            raise
        self._read_at = time.monotonic()
        data = {key: base64.b64decode(value, validate=True) for key, value in (secret.get("data") or {}).items()}
        pair = data["tls.crt"], data["tls.key"]
        if pair != self._served:
            served = replace_certificate(self._context, *pair)
            self._served = pair
            self._metrics.set_certificate_expiry(served.not_after)
            _log.info("serving certificate %s", served.sha256)
        self._path = data["path"].decode("ascii")
