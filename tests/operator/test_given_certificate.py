"""What is said of a certificate that others provide, and that it is judged as a caller would."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cutline_operator.certificate_source import Problem, Supply, Trouble
from cutline_operator.certificate_steps import Wanted
from cutline_operator.certificate_store import SecretStore, Stored
from cutline_operator.given_certificate import GivenCertificate
from cutline_operator.webhook_configurations import Configured
from tests.operator.rotating import NAMESPACE, Objects

HOST = "cutline-webhook.cutline-system.svc"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
TOO_SHORT = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that it is refused is what is tested


class Signer:
    """An authority as a company may have it: no more extensions than verification needs."""

    def __init__(self, key: CertificateIssuerPrivateKeyTypes | None = None, name: str = "corporate") -> None:
        self.key = key or ec.generate_private_key(ec.SECP384R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self.sign(self.key, self.name, ca=True)

    def sign(
        self,
        key: CertificateIssuerPrivateKeyTypes,
        subject: x509.Name,
        *,
        ca: bool = False,
        names: tuple[str, ...] = (),
        usage: x509.ObjectIdentifier | None = None,
        start: datetime = NOW - DAY,
        end: datetime = NOW + DAY,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(alternatives, critical=False)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        edwards = isinstance(self.key, ed25519.Ed25519PrivateKey)
        return builder.sign(self.key, None if edwards else hashes.SHA256())

    def secret(
        self, key: CertificateIssuerPrivateKeyTypes | None = None, names: tuple[str, ...] = (HOST,), **changes: Any
    ) -> dict[str, str]:
        """The data of a Secret with a certificate of this authority's."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
        certificate = self.sign(key, subject, names=names, **changes)
        return {"tls.crt": pem(certificate), "tls.key": key_pem(key), "ca.crt": pem(self.certificate)}


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: CertificateIssuerPrivateKeyTypes, password: bytes = b"") -> str:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


SIGNER = Signer()
GOOD = SIGNER.secret()


def supply(data: dict[str, str] | None, ca_bundle: str = "") -> Supply:
    objects = Objects()
    if data is not None:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        objects.put("secrets", "gate-tls", {"data": encoded})
    source = GivenCertificate(SecretStore(objects, NAMESPACE), "gate-tls", ca_bundle, HOST)
    return asyncio.run(source.supply(Stored(None, Configured((), "")), NOW))


def intermediate() -> dict[str, str]:
    """A certificate two steps below the authority."""
    below = Signer(name="below")
    below.certificate = SIGNER.sign(below.key, below.name, ca=True)
    data = below.secret()
    return {**data, "tls.crt": data["tls.crt"] + pem(below.certificate), "ca.crt": pem(SIGNER.certificate)}


@pytest.mark.parametrize(
    "data",
    [
        GOOD,
        SIGNER.secret(rsa.generate_private_key(65537, 2048)),
        Signer(ed25519.Ed25519PrivateKey.generate()).secret(),
        SIGNER.secret(names=("other.example", "*.cutline-system.svc")),
        SIGNER.secret(usage=ExtendedKeyUsageOID.SERVER_AUTH),
        intermediate(),
    ],
    ids=["P-256", "RSA", "Ed25519", "wildcard", "for servers", "intermediate"],
)
def test_what_an_api_server_would_accept_is_accepted(data: dict[str, str]) -> None:
    found = supply(data)
    assert isinstance(found, Wanted), found
    assert found.make().chain_pem == data["tls.crt"]
    assert pem(found.anchors[0]) == data["ca.crt"]
    assert not found.is_served


def test_the_values_bundle_stands_for_that_of_the_secret() -> None:
    without = {**GOOD, "ca.crt": ""}
    assert isinstance(supply(without, pem(SIGNER.certificate)), Wanted)
    assert isinstance(supply(GOOD, pem(Signer().certificate)), Trouble)


@pytest.mark.parametrize(
    ("data", "problem", "text"),
    [
        (None, Problem.MISSING, "secret gate-tls: does not exist"),
        ({**GOOD, "tls.crt": ""}, Problem.UNREADABLE, "tls.crt and tls.key must both be PEM"),
        ({**GOOD, "tls.key": "x"}, Problem.UNREADABLE, "must both be PEM"),
        ({**GOOD, "tls.key": key_pem(ec.generate_private_key(ec.SECP256R1()), b"pw")}, Problem.UNREADABLE, "encrypted"),
        ({**GOOD, "tls.key": SIGNER.secret()["tls.key"]}, Problem.KEY_MISMATCH, "do not belong together"),
        ({**GOOD, "ca.crt": ""}, Problem.NO_AUTHORITY, "certificates.caBundle"),
        ({**GOOD, "ca.crt": pem(Signer().certificate)}, Problem.UNTRUSTED, ""),
        (SIGNER.secret(names=("other.example",)), Problem.WRONG_NAME, HOST),
        (SIGNER.secret(names=()), Problem.WRONG_NAME, HOST),
        (SIGNER.secret(end=NOW - timedelta(minutes=1)), Problem.EXPIRED, "expired"),
        (SIGNER.secret(start=NOW + timedelta(hours=1)), Problem.NOT_YET_VALID, "not yet valid"),
        (SIGNER.secret(usage=ExtendedKeyUsageOID.CLIENT_AUTH), Problem.UNTRUSTED, "purpose"),
        (SIGNER.secret(TOO_SHORT), Problem.UNUSABLE, "cannot be served"),
    ],
    ids=[
        "missing",
        "no certificate",
        "no key",
        "encrypted key",
        "key of another",
        "no authority",
        "another authority",
        "another name",
        "name in the subject alone",
        "expired",
        "not yet valid",
        "for clients",
        "key too short",
    ],
)
def test_what_would_be_refused_is_named(data: dict[str, str] | None, problem: Problem, text: str) -> None:
    found = supply(data)
    assert isinstance(found, Trouble), found
    assert found.problem is problem
    assert text in found.text
