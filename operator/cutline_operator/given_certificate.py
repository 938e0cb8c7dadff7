"""A certificate that others provide in a Secret: cert-manager, or whoever installed Cutline.

It is never written. Nothing of it reaches the webhook before a handshake in memory, with the very
checks of the probe, has shown that a caller who trusts its authorities can verify it under the name
that API servers call.
"""

import ssl
from datetime import datetime
from typing import Final

from cutline.kube.resources import JsonObject
from cutline_operator.certificate_reading import NotAPair, Serving, parse_serving, read_bundle
from cutline_operator.certificate_source import Problem, Supply, Trouble
from cutline_operator.certificate_steps import Wanted
from cutline_operator.certificate_store import BUNDLE, CERTIFICATE, KEY, SecretStore, Stored, text_in
from cutline_operator.certificate_trial import trusting, try_serving
from cutline_operator.owner import Owner

# OpenSSL's X509_V_ERR_*, to which Python gives no names.
_PROBLEM_OF_CODE: Final = {
    9: Problem.NOT_YET_VALID,
    10: Problem.EXPIRED,
    62: Problem.WRONG_NAME,
    64: Problem.WRONG_NAME,
}


class GivenCertificate:
    """What stands in one Secret, to be served under `host`. `ca_bundle`, if not empty, replaces its ca.crt."""

    def __init__(self, store: SecretStore, secret: str, ca_bundle: str, host: str) -> None:
        self._store = store
        self._secret = secret
        self._ca_bundle = ca_bundle
        self._host = host

    async def supply(self, stored: Stored, now: datetime) -> Supply:
        """The Secret's certificate, or what is wrong with it."""
        return self._judge(await self._store.read(self._secret), stored)

    async def prepare(self, owner: Owner, now: datetime) -> None:
        """Nothing: others do."""

    def secret_name(self) -> str:
        return self._secret

    def _judge(self, secret: JsonObject | None, stored: Stored) -> Supply:
        if secret is None:
            return self._trouble(Problem.MISSING, "does not exist: create it, or let cert-manager issue it")
        try:
            serving = parse_serving(text_in(secret, CERTIFICATE), text_in(secret, KEY))
        except NotAPair as error:
            return self._trouble(Problem.KEY_MISMATCH, f"tls.key and tls.crt do not belong together: {error}")
        except ValueError as error:
            return self._trouble(Problem.UNREADABLE, f"tls.crt and tls.key must both be PEM: {error}")
        pem = self._ca_bundle or text_in(secret, BUNDLE)
        anchors = read_bundle(pem)
        if not anchors:
            return self._trouble(
                Problem.NO_AUTHORITY,
                "has no certificates in ca.crt: put those of the authority there, or into certificates.caBundle",
            )
        trouble = self._try(serving, pem)
        if trouble is not None:
            return trouble
        return Wanted(anchors, _is_same(stored.serving, serving), lambda: serving)

    def _try(self, serving: Serving, pem: str) -> Trouble | None:
        try:
            try_serving(serving, trusting(pem), self._host)
        except ssl.SSLCertVerificationError as error:
            problem = _PROBLEM_OF_CODE.get(error.verify_code, Problem.UNTRUSTED)
            return self._trouble(problem, f"{error.verify_message or error} (verified for {self._host})")
        except (OSError, ValueError) as error:
            return self._trouble(Problem.UNUSABLE, f"cannot be served: {error}")
        return None

    def _trouble(self, problem: Problem, text: str) -> Trouble:
        return Trouble(problem, f"secret {self._secret}: {text}")


def _is_same(stored: Serving | None, given: Serving) -> bool:
    return stored is not None and (stored.chain, stored.key_pem) == (given.chain, given.key_pem)
