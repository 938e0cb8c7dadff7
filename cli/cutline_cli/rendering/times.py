"""Moments and spans as people read them."""

from datetime import UTC, datetime, timedelta

from cutline.domain.duration import format_duration

_SECONDS_MATTER = timedelta(minutes=10)


def moment(when: datetime) -> str:
    """`2026-11-23 10:20:00 UTC`."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ago(when: datetime, now: datetime) -> str:
    return f"{_rough(now - when)} ago"


def left(until: datetime, now: datetime) -> str:
    """`48m left`, or `over`."""
    return f"{_rough(until - now)} left" if until > now else "over"


def _rough(span: timedelta) -> str:
    """A span without its seconds, as soon as they no longer matter."""
    return format_duration(span if span < _SECONDS_MATTER else timedelta(minutes=span // timedelta(minutes=1)))
