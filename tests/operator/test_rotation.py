"""Replacing certificates: no caller loses trust, whoever dies, lags, or takes a Secret away."""

import pytest
from cryptography import x509

from cutline_operator.certificate_reading import pem_of
from cutline_operator.certificates import KeyPair, issue, make_authority
from tests.operator.rotating import CA, GIVEN, TLS, World

RENEW = "cutline.dev/renew"


def installed() -> World:
    world = World()
    world.until_settled()
    world.seconds(10)
    return world


def test_a_first_installation_needs_no_patience() -> None:
    world = World()
    assert world.until_settled() <= 2
    world.second()
    assert world.trusted == (world.certificate_in(CA),)


@pytest.mark.parametrize("secret", [CA, TLS])
def test_a_replacement_can_be_asked_for(secret: str) -> None:
    world = installed()
    before = {name: world.certificate_in(name) for name in (CA, TLS)}
    world.annotate(secret, RENEW, "now")
    world.until_settled()
    assert world.certificate_in(TLS) != before[TLS]
    assert (world.certificate_in(CA) != before[CA]) is (secret == CA)
    assert world.trusted == (world.certificate_in(CA),)
    # Met, and not met again.
    after = world.certificate_in(TLS)
    world.seconds(30)
    assert world.certificate_in(TLS) == after


@pytest.mark.parametrize("secret", [CA, TLS])
def test_settled_is_never_said_of_a_replacement_that_was_taken_up(secret: str) -> None:
    world = installed()
    world.annotate(secret, RENEW, "now")
    before = len(world.objects.journal)
    world.until_settled()
    written = [entry for entry in world.objects.journal[before:] if entry[0] == f"secrets/{secret}"]
    assert {state for _, state in written} == {"Rotating"}


@pytest.mark.parametrize("dies_at", range(1, 19))
def test_an_operator_may_die_after_any_write_of_a_change_of_authority(dies_at: int) -> None:
    world = installed()
    before = world.certificate_in(CA)
    world.annotate(CA, RENEW, "now")
    world.objects.dies_at = world.objects.writes + dies_at
    world.until_settled()
    world.seconds(25)
    assert world.status == "Settled"
    assert world.certificate_in(CA) != before
    assert world.trusted == (world.certificate_in(CA),)


def test_a_change_of_authority_has_as_many_writes_as_are_tried_above() -> None:
    world = installed()
    written = world.objects.writes
    world.annotate(CA, RENEW, "now")
    world.until_settled()
    assert 14 <= world.objects.writes - written <= 18


@pytest.mark.parametrize("taken", [(CA,), (TLS,), (CA, TLS)], ids=lambda taken: "+".join(taken))
def test_secrets_that_were_taken_away_come_back(taken: tuple[str, ...]) -> None:
    world = installed()
    path = world.replicas[0].path
    for secret in taken:
        world.delete(secret)
    world.until_settled()
    world.seconds(25)
    assert world.replicas[0].path == path
    assert world.trusted == (world.certificate_in(CA),)
    assert {replica.leaf for replica in world.replicas} == {world.certificate_in(TLS)}


def test_both_secrets_may_go_in_the_middle_of_a_change() -> None:
    for moment in (1, 3, 6, 8, 12, 20):
        world = installed()
        world.annotate(CA, RENEW, "now")
        world.seconds(moment)
        for secret in (CA, TLS):
            if world.objects.find("secrets", secret) is not None:
                world.delete(secret)
        world.until_settled()
        world.seconds(25)
        assert world.trusted == (world.certificate_in(CA),)


def test_an_authority_stays_trusted_while_one_replica_needs_it() -> None:
    world = installed()
    before = world.certificate_in(CA)
    slowest = world.replicas[2]
    slowest.period = 10_000
    world.annotate(CA, RENEW, "now")
    world.seconds(120)
    assert before in world.trusted
    assert world.status == "Rotating"
    slowest.period = 1
    world.until_settled()
    assert before not in world.trusted


def test_two_changes_of_authority_on_top_of_each_other() -> None:
    world = installed()
    for _ in range(3):
        world.annotate(CA, RENEW, "now")
        world.seconds(3)
    world.until_settled()
    assert world.trusted == (world.certificate_in(CA),)


def given(authority: KeyPair, world: World, names: frozenset[str] | None = None) -> dict[str, str]:
    serving = issue(authority, names or frozenset({world.address.host}), world.now)
    return {"tls_crt": serving.certificate_pem, "tls_key": serving.key_pem, "ca_crt": authority.certificate_pem}


def brought() -> tuple[World, KeyPair]:
    world = World(given=True)
    authority = make_authority(world.now)
    world.bring(**given(authority, world))
    world.until_settled()
    world.seconds(10)
    return world, authority


def test_nothing_is_configured_before_a_certificate_was_brought() -> None:
    world = World(given=True)
    world.seconds(5)
    assert (world.status, world.configurations) == ("Blocked", [])
    assert any(event.startswith("CertificateProblem: secret gate-tls: does not exist") for event in world.events)
    authority = make_authority(world.now)
    world.bring(**given(authority, world))
    world.until_settled()
    assert world.trusted == (authority.certificate,)


def test_certificate_and_authority_are_replaced_in_one_write_of_others() -> None:
    world, _ = brought()
    another = make_authority(world.now)
    world.bring(**given(another, world))
    world.until_settled()
    assert world.trusted == (another.certificate,)
    assert world.certificate_in(TLS) == world.certificate_in(GIVEN)


def test_a_bad_certificate_never_replaces_a_good_one() -> None:
    world, authority = brought()
    good: x509.Certificate = world.certificate_in(TLS)
    bad = {
        "Untrusted": {**given(make_authority(world.now), world), "ca_crt": authority.certificate_pem},
        "WrongName": given(authority, world, frozenset({"elsewhere.example"})),
        "NoAuthority": {**given(authority, world), "ca_crt": ""},
        "KeyMismatch": {**given(authority, world), "tls_key": given(authority, world)["tls_key"]},
        "Unreadable": {**given(authority, world), "tls_crt": "hello"},
    }
    for problem, data in bad.items():
        world.bring(**data)
        world.seconds(20)
        assert (world.status, world.certificate_in(TLS), world.trusted) == ("Blocked", good, (authority.certificate,))
        assert world.state["certificatesMessage"].startswith(problem)
    world.delete(GIVEN)
    world.seconds(20)
    assert (world.status, world.certificate_in(TLS)) == ("Blocked", good)
    world.bring(**given(authority, world))
    world.until_settled()
    assert world.certificate_in(TLS) == world.certificate_in(GIVEN)


def test_who_provides_the_certificate_may_change_in_operation() -> None:
    world = installed()
    authority = make_authority(world.now)
    world.bring(**given(authority, world))
    world.given = True
    world.installation = world.new_operator()
    world.until_settled()
    assert world.trusted == (authority.certificate,)
    world.given = False
    world.installation = world.new_operator()
    world.until_settled()
    assert world.trusted == (world.certificate_in(CA),)
    assert pem_of(*world.trusted) != authority.certificate_pem
