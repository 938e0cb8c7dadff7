"""Log lines are JSON, whole, and harmless to a terminal."""

import io
import json
import logging
import sys

from cutline.process import logs


def formatted(message: str, *args: object, **extra: object) -> str:
    record = logging.getLogger("cutline.test").makeRecord(
        "cutline.test", logging.INFO, __file__, 1, message, args, None, extra=extra
    )
    return logs.JsonFormatter().format(record)


def test_a_record_becomes_one_json_object() -> None:
    line = json.loads(formatted("denied %s", "web", namespace="shop", effects=["ScaleDown"]))
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "cutline.test",
        "message": "denied web",
        "namespace": "shop",
        "effects": ["ScaleDown"],
    }


def test_nothing_in_a_line_can_act_on_a_terminal() -> None:
    nasty = "a\nb\x1b[31m\x7f\x9b\u202e\u200b\ud800"
    line = formatted("user %s", nasty, target=nasty)
    assert all(" " <= character <= "~" for character in line)
    assert json.loads(line)["target"] == nasty


def test_a_wrong_call_still_gives_a_line() -> None:
    assert json.loads(formatted("%d of %s", "x"))["message"] == "%d of %s ('x',)"


def test_what_is_always_there_cannot_be_overwritten() -> None:
    assert json.loads(formatted("real", level="FAKE", when=object()))["level"] == "INFO"


def test_a_traceback_stays_in_its_line() -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", None, sys.exc_info())
    line = logs.JsonFormatter().format(record)
    assert "\n" not in line
    assert "ValueError: broken\nin two" in json.loads(line)["exception"]


def test_what_nobody_wants_to_read_is_left_out() -> None:
    record = logging.makeLogRecord({"msg": "patched", "settings": object(), "namespace": "shop"})
    line = json.loads(logs.JsonFormatter(frozenset({"settings"})).format(record))
    assert "settings" not in line
    assert line["namespace"] == "shop"


def test_configure_replaces_what_was_set_up() -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers = []
    stream = io.StringIO()
    try:
        logs.configure(logging.WARNING, stream)
        logging.getLogger("x").info("not this")
        logging.getLogger("x").warning("this")
    finally:
        root.handlers, root.level = before, level
    assert json.loads(stream.getvalue())["message"] == "this"
