"""What is told of certificates: each thing once, and a near end every day."""

from datetime import timedelta

import pytest

from cutline_operator.certificate_notices import late_from
from cutline_operator.certificates import SERVING_LIFETIME, make_authority
from tests.builders import NOW
from tests.operator.rotating import TLS, World
from tests.operator.test_rotation import brought, given


def value(world: World, name: str, **labels: str) -> float | None:
    return world.metrics.registry.get_sample_value(name, labels or None)


def test_ends_are_measured() -> None:
    world = World()
    world.until_settled()
    leaf, (authority,) = world.certificate_in(TLS), world.trusted
    end = value(world, "cutline_serving_certificate_expiry_timestamp_seconds")
    assert end == leaf.not_valid_after_utc.timestamp()
    end = value(world, "cutline_authority_certificate_expiry_timestamp_seconds")
    assert end == authority.not_valid_after_utc.timestamp()
    assert value(world, "cutline_certificates_settled") == 1


def test_a_problem_is_a_metric_and_an_event_and_passes() -> None:
    world, authority = brought()
    world.bring(**{**given(authority, world), "ca_crt": ""})
    world.seconds(3)
    assert value(world, "cutline_certificate_problem", problem="NoAuthority") == 1
    assert value(world, "cutline_certificate_problem", problem="Missing") == 0
    assert value(world, "cutline_certificates_settled") == 0
    assert [event for event in world.events if "certificates.caBundle" in event] != []
    world.bring(**given(authority, world))
    world.until_settled()
    assert value(world, "cutline_certificate_problem", problem="NoAuthority") == 0


def test_a_near_end_is_told_every_day() -> None:
    world, _ = brought()

    def warnings() -> int:
        return sum(event.startswith("CertificateExpiring") for event in world.events)

    world.now += SERVING_LIFETIME * 0.8 - timedelta(days=1)
    world.seconds(3)
    assert warnings() == 0
    for day in (1, 2, 3):
        world.now += timedelta(days=1)
        world.seconds(3)
        assert warnings() == day


DAYS_90 = timedelta(days=90)


@pytest.mark.parametrize(
    ("renew_before", "late_after"),
    [
        (None, timedelta(days=72)),
        (timedelta(days=30), timedelta(days=72)),
        # Renewed at 83 % of its life, it is not late at 80 %.
        (timedelta(days=15), timedelta(days=81)),
        (timedelta(days=60), timedelta(days=54)),
        # It lives no longer than that, and cert-manager falls back upon a third of its life.
        (DAYS_90, timedelta(days=72)),
    ],
)
def test_a_certificate_is_late_some_time_after_its_renewal_was_due(
    renew_before: timedelta | None, late_after: timedelta
) -> None:
    assert late_from(NOW, NOW + DAYS_90, renew_before) == NOW + late_after


def test_a_replacement_is_told_once() -> None:
    world, _ = brought()
    world.bring(**given(make_authority(world.now), world))
    world.until_settled()
    world.seconds(5)
    assert sum(event.startswith("CertificateReplaced") for event in world.events) == 1
