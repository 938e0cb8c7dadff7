"""The operator's own authority, which signs the webhook's certificate.

Its private key stands in the Secret `cutline-ca`, which nobody reads but the operator: who could
read the webhook's Secret could otherwise pose as any other webhook that trusts this authority.
"""

from datetime import datetime
from typing import Final

from cryptography import x509

from cutline.kube.resources import JsonObject
from cutline_operator.certificate_reading import Serving, is_signed_by, names_of
from cutline_operator.certificate_source import Preparation, Supply
from cutline_operator.certificate_steps import Wanted
from cutline_operator.certificate_store import (
    CERTIFICATE,
    KEY,
    SecretStore,
    Stored,
    renewed,
    text_in,
    wants_renewal,
    with_data,
)
from cutline_operator.certificates import KeyPair, issue, make_authority, read_pair
from cutline_operator.owner import Owner

AUTHORITY_SECRET: Final = "cutline-ca"  # noqa: S105 - a name
AUTHORITY_RENEWED_AT: Final = 0.8
SERVING_RENEWED_AT: Final = 2 / 3


class OwnAuthority:
    """Issues certificates for `names`, under an authority that it replaces in time or when told to."""

    def __init__(self, store: SecretStore, names: frozenset[str]) -> None:
        self._store = store
        self._names = names

    async def supply(self, stored: Stored, now: datetime) -> Supply:
        """A certificate of the authority's, unless the authority itself has to be replaced first."""
        secret = await self._store.read(AUTHORITY_SECRET)
        authority = _pair(secret)
        if authority is None or wants_renewal(secret) or is_due(authority.certificate, AUTHORITY_RENEWED_AT, now):
            return Preparation()
        names = self._names

        def make() -> Serving:
            return issue(authority, names, now).serving

        serving = stored.serving
        is_served = serving is not None and not stored.wants_renewal and self._is_good(serving, authority, now)
        return Wanted((authority.certificate,), is_served, make)

    async def prepare(self, owner: Owner, now: datetime) -> None:
        """Make a new authority. What the former one signed is served, and it trusted, until this one is in force."""
        made = make_authority(now)
        before = await self._store.read(AUTHORITY_SECRET)
        after = with_data(before, {CERTIFICATE: made.certificate_pem, KEY: made.key_pem})
        await self._store.write(AUTHORITY_SECRET, renewed(after, {}), owner)

    def secret_name(self) -> str:
        return AUTHORITY_SECRET

    def _is_good(self, serving: Serving, authority: KeyPair, now: datetime) -> bool:
        return (
            is_signed_by(serving.leaf, authority.certificate)
            and not is_due(serving.leaf, SERVING_RENEWED_AT, now)
            and names_of(serving.leaf) == self._names
        )


def is_due(certificate: x509.Certificate, share: float, now: datetime) -> bool:
    """Whether this share of its life is over, or it has not begun."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now < start or now >= start + (end - start) * share


def _pair(secret: JsonObject | None) -> KeyPair | None:
    return read_pair(text_in(secret, CERTIFICATE), text_in(secret, KEY))
