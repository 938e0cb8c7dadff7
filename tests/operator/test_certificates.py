"""Certificates: what is made verifies, and every step of a rotation leaves callers able to verify."""

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from cutline_operator import certificates
from cutline_operator.certificate_store import Stored, after
from cutline_operator.certificates import (
    ANNOUNCED_BEFORE_USE,
    AUTHORITY_LIFETIME,
    SERVING_LIFETIME,
    TRUSTED_AFTER_USE,
    CertificateState,
    Step,
    issue,
    make_authority,
    names_of,
    next_step,
    read_bundle,
    read_pair,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NAMES = frozenset({"webhook.example", "cutline-webhook.cutline-system.svc", "127.0.0.1", "2001:db8::1"})

AUTHORITY = make_authority(NOW)
SERVING = issue(AUTHORITY, NAMES, NOW)
NEXT_AUTHORITY = make_authority(NOW + timedelta(seconds=1))


def state(
    *,
    authority: certificates.KeyPair | None = AUTHORITY,
    bundle: tuple[x509.Certificate, ...] = (AUTHORITY.certificate,),
    serving: certificates.KeyPair | None = SERVING,
    exist: bool = True,
    since: datetime | None = NOW - timedelta(hours=1),
) -> CertificateState:
    return CertificateState(authority, bundle, serving, exist, since)


def test_authority_may_sign_certificates_and_nothing_else() -> None:
    extensions = AUTHORITY.certificate.extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert not usage.value.digital_signature
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert basic.value.ca
    assert basic.value.path_length == 0


def test_serving_certificate_serves_its_names_and_signs_nothing() -> None:
    certificate = SERVING.certificate
    assert names_of(certificate) == NAMES
    extensions = certificate.extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        x509.oid.ExtendedKeyUsageOID.SERVER_AUTH
    ]
    signer = AUTHORITY.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    named = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert named.key_identifier == signer.digest


def test_strict_clients_load_the_bundle() -> None:
    context = ssl.create_default_context(cadata=AUTHORITY.certificate_pem)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    assert context.cert_store_stats()["x509_ca"] == 1


def test_pairs_are_read_only_where_key_and_certificate_belong_together() -> None:
    assert read_pair(SERVING.certificate_pem, SERVING.key_pem) is not None
    assert read_pair(SERVING.certificate_pem, AUTHORITY.key_pem) is None
    assert read_pair("", "") is None
    assert read_pair("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", SERVING.key_pem) is None
    assert read_bundle("nothing") == ()


@pytest.mark.parametrize(
    ("found", "step"),
    [
        (state(authority=None, bundle=(), serving=None, exist=False), Step.MAKE_AUTHORITY),
        (state(bundle=(), serving=None, exist=False), Step.ISSUE),
        (state(), Step.NOTHING),
        # The authority's Secret was lost: a new one is announced before it signs what is served.
        (state(authority=None), Step.MAKE_AUTHORITY),
        (state(authority=NEXT_AUTHORITY), Step.ANNOUNCE_AUTHORITY),
        (
            state(authority=NEXT_AUTHORITY, bundle=(NEXT_AUTHORITY.certificate, AUTHORITY.certificate), since=None),
            Step.AWAIT_CONFIGURATION,
        ),
        (
            state(authority=NEXT_AUTHORITY, bundle=(NEXT_AUTHORITY.certificate, AUTHORITY.certificate), since=NOW),
            Step.AWAIT_CONFIGURATION,
        ),
        (
            state(authority=NEXT_AUTHORITY, bundle=(NEXT_AUTHORITY.certificate, AUTHORITY.certificate)),
            Step.ISSUE,
        ),
        # Nobody verifies anything yet.
        (
            state(authority=NEXT_AUTHORITY, bundle=(NEXT_AUTHORITY.certificate,), exist=False, since=None),
            Step.ISSUE,
        ),
        # The webhook's Secret was lost: it cannot serve at all, so nothing is gained by waiting.
        (state(serving=None, bundle=(), since=None), Step.ISSUE),
    ],
)
def test_takes_one_step_at_a_time(found: CertificateState, step: Step) -> None:
    assert next_step(found, NAMES, NOW + timedelta(seconds=30)) is step


def test_renews_in_time_and_not_before() -> None:
    start = SERVING.certificate.not_valid_before_utc
    due = start + SERVING_LIFETIME * 2 / 3
    assert next_step(state(), NAMES, due - timedelta(seconds=1)) is Step.NOTHING
    assert next_step(state(), NAMES, due) is Step.ISSUE
    authority_due = AUTHORITY.certificate.not_valid_before_utc + AUTHORITY_LIFETIME * 0.8
    assert next_step(state(), NAMES, authority_due) is Step.MAKE_AUTHORITY


def test_issues_anew_when_the_address_changes() -> None:
    assert next_step(state(), NAMES | {"new.example"}, NOW) is Step.ISSUE


def test_a_former_authority_is_trusted_for_a_while() -> None:
    serving = issue(NEXT_AUTHORITY, NAMES, NOW)
    both = state(
        authority=NEXT_AUTHORITY,
        bundle=(NEXT_AUTHORITY.certificate, AUTHORITY.certificate),
        serving=serving,
    )
    assert next_step(both, NAMES, NOW + TRUSTED_AFTER_USE - timedelta(seconds=1)) is Step.NOTHING
    assert next_step(both, NAMES, NOW + TRUSTED_AFTER_USE) is Step.RETIRE_AUTHORITY


@dataclass
class Cluster:
    """Ten years of one installation: what is stored, configured and served, as each lags behind."""

    now: datetime = NOW
    stored: Stored = field(default_factory=lambda: Stored(None, None))
    configured: str = ""
    configured_since: datetime | None = None
    served: x509.Certificate | None = None
    steps: list[Step] = field(default_factory=list)

    def tick(self, elapsed: timedelta) -> None:
        """The operator's pass, then the webhook's poll and the configurations."""
        self.now += elapsed
        for _ in range(4):
            current = self.stored.state(
                configurations_exist=bool(self.configured), configured_since=self._since_for_authority()
            )
            step = next_step(current, NAMES, self.now)
            if step in (Step.NOTHING, Step.AWAIT_CONFIGURATION):
                break
            self.steps.append(step)
            self.stored = after(self.stored, current, step, NAMES, self.now)
        if self.stored.is_complete:
            self._configure()
            serving = self.stored.state(configurations_exist=True, configured_since=None).serving
            self.served = serving.certificate if serving else None

    def _configure(self) -> None:
        if self.configured != self.stored.bundle:
            self.configured = self.stored.bundle
            self.configured_since = self.now

    def _since_for_authority(self) -> datetime | None:
        authority = self.stored.authority_pair
        trusts = authority is not None and authority.certificate_pem in self.configured
        return self.configured_since if trusts else None

    def verifies(self) -> bool:
        """Whether what is served is valid under what is configured."""
        if self.served is None or not self.served.not_valid_before_utc <= self.now < self.served.not_valid_after_utc:
            return False
        return any(
            certificates.is_signed_by(self.served, authority) and self.now < authority.not_valid_after_utc
            for authority in read_bundle(self.configured)
        )


def test_ten_years_of_rotation_never_break_trust() -> None:
    cluster = Cluster()
    paths = set()
    while cluster.now < NOW + timedelta(days=10 * 365):
        # Where something happens, look closely at what follows.
        steps = len(cluster.steps)
        cluster.tick(timedelta(days=3))
        assert cluster.verifies(), cluster.now
        while len(cluster.steps) > steps:
            steps = len(cluster.steps)
            for elapsed in (timedelta(seconds=20), ANNOUNCED_BEFORE_USE, timedelta(hours=1)):
                cluster.tick(elapsed)
                assert cluster.verifies(), cluster.now
        assert len(read_bundle(cluster.configured)) <= 2
        paths.add(cluster.stored.path)
    assert len(paths) == 1
    assert cluster.steps.count(Step.MAKE_AUTHORITY) == cluster.steps.count(Step.RETIRE_AUTHORITY) + 1 == 3


def test_a_lost_authority_never_breaks_trust() -> None:
    cluster = Cluster()
    cluster.tick(timedelta())
    cluster.stored = Stored(cluster.stored.webhook, None)
    for _ in range(200):
        cluster.tick(timedelta(minutes=10))
        assert cluster.verifies()
    assert len(read_bundle(cluster.configured)) == 1


def test_the_webhook_never_sees_the_authoritys_key() -> None:
    cluster = Cluster()
    cluster.tick(timedelta())
    assert cluster.stored.webhook is not None
    assert set(cluster.stored.webhook["data"]) == {"tls.crt", "tls.key", "ca.crt", "path"}
    assert set(cluster.stored.path) <= set("0123456789abcdef")
    assert len(cluster.stored.path) == 32


def test_a_path_that_somebody_shortened_is_made_anew() -> None:
    cluster = Cluster()
    cluster.tick(timedelta())
    assert cluster.stored.webhook is not None
    data = {**cluster.stored.webhook["data"], "path": "YQ=="}
    broken = Stored({**cluster.stored.webhook, "data": data}, cluster.stored.authority)
    assert not broken.is_complete
    cluster.stored = broken
    cluster.tick(timedelta(minutes=1))
    assert len(cluster.stored.path) == 32
