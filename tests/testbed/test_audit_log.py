"""An API server's audit log is read whole, however often it was rotated."""

from pathlib import Path

from tests.e2e.audit_log import AuditTail, lines_of


def _rotate(log: Path, moment: str, *lines: str) -> None:
    """As the API server does it: the full log gets the time in its name, and another one is begun."""
    log.rename(log.with_name(f"{log.stem}-2026-11-23T{moment}.000.log"))
    _write(log, *lines)


def _write(log: Path, *lines: str) -> None:
    with log.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def test_backups_come_before_what_is_written_now_and_other_servers_are_left_out(tmp_path: Path) -> None:
    log = tmp_path / "kube-apiserver.audit.log"
    _write(log, "{1}")
    _rotate(log, "10-00-00", "{2}")
    _rotate(log, "10-00-01", "{3}")
    with log.open("a") as file:
        file.write("{begun")
    other = tmp_path / "kube-apiserver-2.audit.log"
    _write(other, "{other}")
    _rotate(other, "09-00-00", "{another}")
    assert list(lines_of(log)) == ["{1}\n", "{2}\n", "{3}\n"]
    assert list(lines_of(other)) == ["{other}\n", "{another}\n"]


def test_what_follows_a_log_misses_nothing_of_several_rotations(tmp_path: Path) -> None:
    log = tmp_path / "kube-apiserver.audit.log"
    _write(log, "{before}")
    _rotate(log, "10-00-00", "{before, too}")
    with AuditTail(log) as tail:
        _write(log, "{1}")
        assert list(tail.lines()) == ["{1}\n"]
        _write(log, "{2}")
        _rotate(log, "10-00-01", "{3}")
        _rotate(log, "10-00-02", "{4}")
        assert list(tail.lines()) == ["{2}\n", "{3}\n", "{4}\n"]
        _rotate(log, "10-00-03", "{5}")
        assert list(tail.lines()) == ["{5}\n"]
        assert list(tail.lines()) == []


def test_where_the_file_that_was_followed_is_removed_all_that_is_left_is_new(tmp_path: Path) -> None:
    log = tmp_path / "kube-apiserver.audit.log"
    _write(log, "{before}")
    with AuditTail(log) as tail:
        _rotate(log, "10-00-00", "{1}")
        _rotate(log, "10-00-01", "{2}")
        (tmp_path / f"{log.stem}-2026-11-23T10-00-00.000.log").unlink()
        assert list(tail.lines()) == ["{1}\n", "{2}\n"]
