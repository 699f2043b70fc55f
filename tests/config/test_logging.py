"""No person and no secret reaches a log, whoever writes the line."""

import io
import json
import logging
import logging.config

import pytest
import structlog

from config.logging import logging_settings


class RoomError(Exception):
    """An error whose words one of our rooms wrote."""

    __module__ = "audiences.errors"


@pytest.fixture
def written():
    """Yield a function that returns the lines logged so far; the settings in force before come back after."""
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    configured = logging_settings(level="DEBUG", plain=False)
    formatter = configured["formatters"]["lines"]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        formatter["()"](foreign_pre_chain=formatter["foreign_pre_chain"], processors=formatter["processors"])
    )
    root.handlers, root.level = [handler], logging.DEBUG
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers, root.level = before, level


def fail(error: Exception) -> None:
    address = "grace@example.org"
    raise error from ValueError(address)


class TestLines:
    def test_keep_the_named_fields_and_name_the_others(self, written):
        structlog.get_logger("workflows").info("step finished", workflow="4", rows=3, email="ada@example.org")

        (line,) = written()
        assert (line["event"], line["workflow"], line["rows"]) == ("step finished", "4", 3)
        assert line["dropped"] == ["email"]
        assert "ada" not in json.dumps(line)

    @pytest.mark.parametrize(
        ("words", "kept"),
        [
            (
                "GET /profiles?filter=any(email,['ada@example.org'])",
                "GET /profiles?filter=any(email,['[address]'])",
            ),
            ("to ada%40example.org", "to [address]"),
            ("key pk_0123456789abcdef refused", "key [key] refused"),
            ("call +44 20 7946 0958 now", "call [phone] now"),
            ("redis://:word@broker:6379", "redis://[password]@broker:6379"),
        ],
    )
    def test_of_libraries_lose_what_looks_like_a_person_or_a_key(self, words, kept, written):
        logging.getLogger("some.library").warning("%s", words)

        (line,) = written()
        assert line["event"] == kept

    def test_cannot_be_forged(self, written):
        logging.getLogger("some.library").warning("list %s", "VIP\r\nERROR all is lost \x1b[31m")

        (line,) = written()
        assert line["event"] == r"list VIP\r\nERROR all is lost \x1b[31m"

    def test_come_whole_when_a_message_does_not_fit_its_arguments(self, written, capsys):
        # Not by a logger: pytest listens there too, and raises what does not fit.
        ours, *_ = logging.getLogger().handlers
        ours.handle(logging.makeLogRecord({"msg": "%d rows", "args": ("ada@example.org",)}))

        (line,) = written()
        assert line["event"] == "a log message that does not fit its arguments"
        assert "ada" not in capsys.readouterr().err

    def test_of_errors_name_places_but_neither_values_nor_foreign_words(self, written):
        try:
            fail(KeyError("(email)=(ada@example.org)"))
        except KeyError:
            logging.getLogger("workflows").exception("broke", extra={"code": "query_failed"})

        (line,) = written()
        assert line["code"] == "query_failed"
        assert "builtins.KeyError" in line["exception"]
        assert "in fail" in line["exception"]
        assert "example" not in json.dumps(line)

    def test_of_errors_keep_the_words_of_our_rooms(self, written):
        try:
            raise RoomError("The column email is missing.")
        except RoomError:
            structlog.get_logger("workflows").exception("broke")

        (line,) = written()
        assert line["exception"].endswith("audiences.errors.RoomError: The column email is missing.")
