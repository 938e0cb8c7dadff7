"""Certificates of the operator's own: what is made, and that strict verifiers are content with it."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store

from cutline_operator.certificate_reading import names_of, read_bundle, read_serving, signers_in
from cutline_operator.certificate_store import Stored
from cutline_operator.certificate_trial import trusting, try_serving
from cutline_operator.certificates import AUTHORITY_LIFETIME, SERVING_LIFETIME, issue, make_authority, read_pair
from cutline_operator.own_authority import SERVING_RENEWED_AT, is_due
from cutline_operator.webhook_configurations import configured_by
from tests.operator.rotating import CA, TLS, World

NOW = datetime.now(UTC)
NAMES = frozenset({"webhook.example", "cutline-webhook.cutline-system.svc", "127.0.0.1", "2001:db8::1"})

AUTHORITY = make_authority(NOW)
SERVING = issue(AUTHORITY, NAMES, NOW)


def test_authority_may_sign_certificates_and_nothing_else() -> None:
    extensions = AUTHORITY.certificate.extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.key_cert_sign, usage.value.crl_sign) == (True, True)
    assert not usage.value.digital_signature
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert (basic.value.ca, basic.value.path_length) == (True, 0)


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


def test_keys_and_serial_numbers_are_as_they_should_be() -> None:
    for certificate in (AUTHORITY.certificate, SERVING.certificate):
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.curve.name == "secp256r1"
        # RFC 5280: positive, at most 20 octets; and not to be guessed.
        assert 2**64 < certificate.serial_number < 2**159
        assert certificate.version is x509.Version.v3
    assert issue(AUTHORITY, NAMES, NOW).certificate.serial_number != SERVING.certificate.serial_number


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_strictest_verifiers_are_content_with_every_name(name: str) -> None:
    store, time = Store([AUTHORITY.certificate]), NOW
    is_address = name[0].isdigit()
    subject = x509.IPAddress(ip_address(name)) if is_address else x509.DNSName(name)
    chain = PolicyBuilder().store(store).time(time).build_server_verifier(subject).verify(SERVING.certificate, [])
    assert chain == [SERVING.certificate, AUTHORITY.certificate]


def test_python_in_its_strict_mode_is_content() -> None:
    def strict(bundle: str) -> ssl.SSLContext:
        context = trusting(bundle)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    try_serving(SERVING.serving, strict(AUTHORITY.certificate_pem), "webhook.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        try_serving(SERVING.serving, strict(make_authority(NOW).certificate_pem), "webhook.example")


def test_pairs_are_read_only_where_key_and_certificate_belong_together() -> None:
    assert read_pair(SERVING.certificate_pem, SERVING.key_pem) is not None
    assert read_pair(SERVING.certificate_pem, AUTHORITY.key_pem) is None
    assert read_pair("", "") is None
    garbage = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
    assert read_pair(garbage, SERVING.key_pem) is None
    assert read_serving(garbage, SERVING.key_pem) is None
    assert read_serving(SERVING.certificate_pem, AUTHORITY.key_pem) is None
    assert read_bundle("nothing") == ()


def test_who_vouches_for_what_is_served() -> None:
    other = make_authority(NOW)
    assert signers_in((other.certificate, AUTHORITY.certificate), SERVING.serving) == (AUTHORITY.certificate,)
    assert signers_in((SERVING.certificate,), SERVING.serving) == (SERVING.certificate,)


def test_an_hour_before_it_is_due_a_certificate_is_not_due() -> None:
    start = SERVING.certificate.not_valid_before_utc
    due = start + SERVING_LIFETIME * SERVING_RENEWED_AT
    assert not is_due(SERVING.certificate, SERVING_RENEWED_AT, due - timedelta(hours=1))
    assert is_due(SERVING.certificate, SERVING_RENEWED_AT, due)
    assert is_due(SERVING.certificate, SERVING_RENEWED_AT, start - timedelta(seconds=1))


def test_ten_years_pass_without_anybody_losing_trust() -> None:
    world = World()
    world.until_settled()
    authorities, served = set(), set()
    end = world.now + timedelta(days=10 * 365)
    while world.now < end:
        # A world's second each: what falls due in between is seen to its end.
        world.now += timedelta(days=19)
        world.second()
        world.until_settled()
        authorities.add(world.certificate_in(CA))
        served.add(world.certificate_in(TLS))
        for one in (*world.trusted, world.certificate_in(TLS)):
            assert one.not_valid_after_utc > world.now + timedelta(days=10)
        assert world.trusted == (world.certificate_in(CA),)
    assert len(authorities) == 1 + 10 * 365 * timedelta(days=1) // (AUTHORITY_LIFETIME * 0.8)
    # Due after 60 days, and looked at every 19.
    assert 10 * 365 / 80 < len(served) < 10 * 365 / 60


def test_the_webhook_never_sees_the_authoritys_key() -> None:
    world = World()
    world.until_settled()
    tree = world.objects.find("secrets", TLS)
    assert tree is not None
    assert set(tree["data"]) == {"tls.crt", "tls.key", "ca.crt", "path"}
    authority = world.objects.find("secrets", CA)
    assert authority is not None
    assert authority["data"]["tls.key"] not in tree["data"].values()


def test_a_path_that_somebody_shortened_is_put_right() -> None:
    world = World()
    world.until_settled()
    world.seconds(5)
    path = world.replicas[0].path
    assert (len(path), set(path) <= set("0123456789abcdef")) == (32, True)
    tree = world.objects.find("secrets", TLS)
    assert tree is not None
    tree["data"]["path"] = "YQ=="
    configured = configured_by(world.configurations)
    assert Stored(None, configured).bundle == world.trusted == (world.certificate_in(CA),)
    stored = Stored(tree, configured)
    assert (stored.path, stored.serving) == (path, None)
