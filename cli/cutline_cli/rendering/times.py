"""Moments and spans as people read them."""

from datetime import UTC, datetime

from cutline.domain.duration import format_duration


def moment(when: datetime) -> str:
    """`2026-11-23 10:20:00 UTC`."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ago(when: datetime, now: datetime) -> str:
    return f"{format_duration(now - when)} ago"


def left(until: datetime, now: datetime) -> str:
    """`48m left`, or `over`."""
    return f"{format_duration(until - now)} left" if until > now else "over"
