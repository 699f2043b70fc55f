"""One request over a real socket, with servers that misbehave."""

import gzip
import resource
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpcore
import pytest

from destinations.errors import Ambiguous, NeedsDecision, Rejected, RetryLater
from destinations.klaviyo import payloads
from destinations.klaviyo.service import transport
from destinations.sockets import DeadlineBackend, Deadlines
from tests.destinations import wires

READ = payloads.members("XyZ123")
ADD = payloads.add("XyZ123", ["01A"])
CREATE = payloads.create_list("VIP")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.api+json\r\n"
DEADLINE = 0.6
# What ending a connection may take beyond the deadline.
SLACK = 0.5


def to(url: str, *, key: str = "pk_" + "a" * 34):
    return transport(key, base_url=url, revision="2026-07-15", deadline_seconds=DEADLINE)


def send(behaviour, call):
    """Send a call to a server that behaves so; return what came of it and the seconds it took."""
    with wires.serving(behaviour) as url, to(url) as line:
        begun = time.monotonic()
        try:
            return line.send(call), time.monotonic() - begun
        except (RetryLater, Ambiguous) as error:
            return error, time.monotonic() - begun


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory):
    return wires.self_signed(tmp_path_factory.mktemp("tls") / "both.pem")


class TestDeadline:
    @pytest.mark.parametrize(
        "behaviour",
        [
            wires.silent,
            wires.dripping(b"", b"H", pause_seconds=0.1),
            wires.dripping(HEAD, b"x-pad: 1\r\n", pause_seconds=0.1),
            wires.dripping(HEAD + b"content-length: 9999\r\n\r\n", b" ", pause_seconds=0.1),
            wires.dripping(HEAD + b"transfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n", pause_seconds=0.1),
        ],
        ids=["silent", "status line", "headers", "body", "chunks"],
    )
    def test_ends_a_read_however_slowly_it_is_answered(self, behaviour):
        error, seconds = send(behaviour, READ)

        assert isinstance(error, RetryLater)
        assert seconds < DEADLINE + SLACK

    @pytest.mark.parametrize("call", [ADD, CREATE], ids=["add", "create"])
    def test_leaves_a_write_in_doubt_when_nothing_came(self, call):
        error, _ = send(wires.silent, call)

        assert isinstance(error, Ambiguous)
        assert error.code == "answer_lost"

    def test_takes_a_write_as_done_when_only_its_body_did_not_end(self):
        endless = wires.dripping(HEAD + b"content-length: 9999\r\n\r\n", b" ", pause_seconds=0.1)

        answer, _ = send(endless, ADD)

        assert answer.status == 200

    def test_doubts_a_new_list_whose_id_did_not_come(self):
        endless = wires.dripping(HEAD + b"content-length: 9999\r\n\r\n", b" ", pause_seconds=0.1)

        error, _ = send(endless, CREATE)

        assert isinstance(error, Ambiguous)


class TestAnswers:
    def test_reads_json_and_header_names_in_lower_case(self):
        answer, _ = send(
            wires.answering(wires.whole(b'{"data": []}', headers=b"RateLimit-Limit: 750\r\n")), READ
        )

        assert answer.data == {"data": []}
        assert answer.headers["ratelimit-limit"] == "750"

    def test_unpacks_gzip(self):
        packed = gzip.compress(b'{"data": []}')

        answer, _ = send(wires.answering(wires.whole(packed, headers=b"content-encoding: gzip\r\n")), READ)

        assert answer.data == {"data": []}

    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            (gzip.compress(b'{"data": []}')[:-9], b"content-encoding: gzip\r\n"),
            (gzip.compress(b'{"data": []}')[:-4], b"content-encoding: gzip\r\n"),
            (b"nonsense", b"content-encoding: gzip\r\n"),
            (gzip.compress(gzip.compress(b'{"data": []}')), b"content-encoding: gzip, gzip\r\n"),
            (b"x", b"content-encoding: br\r\n"),
            (b"\xff\xfe", b""),
        ],
        ids=["cut", "cut at the end", "not gzip", "gzip twice", "brotli", "not utf-8"],
    )
    def test_asks_again_when_it_cannot_be_read(self, body, headers):
        error, _ = send(wires.answering(wires.whole(body, headers=headers)), READ)

        assert error.code == "unexpected_answer"

    def test_stops_a_bomb_before_it_fills_the_memory(self):
        bomb = gzip.compress(bytes(300_000_000), compresslevel=1)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        error, _ = send(wires.answering(wires.whole(bomb, headers=b"content-encoding: gzip\r\n")), READ)

        assert error.code == "unexpected_answer"
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000

    def test_stops_a_body_that_never_ends(self):
        flood = wires.dripping(HEAD + b"\r\n", b" " * 1_000_000, pause_seconds=0)

        error, _ = send(flood, READ)

        assert error.code == "unexpected_answer"

    @pytest.mark.parametrize("place", [b"http://127.0.0.1:1/", b"http://[nonsense"])
    def test_follows_no_redirect(self, place):
        moved = wires.whole(b"", status="302 Found", headers=b"location: " + place + b"\r\n")

        error, _ = send(wires.answering(moved), READ)

        assert (error.code, error.status) == ("unexpected_answer", 302)

    @pytest.mark.parametrize(
        "answer", [b"", b"garbage\r\n\r\n", HEAD], ids=["hang-up", "garbage", "cut head"]
    )
    def test_does_not_guess_when_the_line_breaks(self, answer):
        read, _ = send(wires.answering(answer), READ)
        write, _ = send(wires.answering(answer), ADD)

        assert isinstance(read, RetryLater)
        assert isinstance(write, Ambiguous)


class TestConnection:
    def test_says_that_nothing_left_when_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        with to(f"http://127.0.0.1:{port}") as line, pytest.raises(RetryLater) as caught:
            line.send(ADD)

        assert caught.value.not_sent
        assert caught.value.code == "unreachable"

    @pytest.mark.parametrize("url", ["http://klaviyo.example:port", "http://[nonsense"])
    def test_says_that_nothing_left_when_the_address_is_none(self, url):
        with to(url) as line, pytest.raises(RetryLater) as caught:
            line.send(ADD)

        assert caught.value.not_sent
        assert caught.value.code == "unreachable"

    def test_refuses_a_request_whose_address_would_be_too_long(self):
        longest = [f"{'a' * 64}@{'é' * 100}{number}.example.org" for number in range(100)]
        with to("http://127.0.0.1:1") as line, pytest.raises(Rejected) as caught:
            line.send(payloads.members_with("XyZ123", longest))

        assert caught.value.code == "too_large"
        assert "@" not in caught.value.message

    def test_says_that_nothing_left_when_the_name_is_unknown(self):
        with to("http://nowhere.invalid") as line, pytest.raises(RetryLater) as caught:
            line.send(ADD)

        assert caught.value.not_sent

    def test_waits_for_an_address_no_longer_than_for_anything_else(self):
        answered, deadlines = threading.Event(), Deadlines()

        def look_up(*_, **__):
            answered.wait(20)
            return []

        begun = time.monotonic()
        with deadlines.within(0.2), pytest.raises(httpcore.ConnectTimeout):
            DeadlineBackend(deadlines, look_up=look_up).connect_tcp("example.org", 443)
        seconds = time.monotonic() - begun
        answered.set()

        assert seconds < 0.2 + SLACK

    def test_tries_every_address_of_a_name(self):
        deadlines = Deadlines()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]

            def look_up(*_, **__):
                # Nobody listens at the first.
                return [
                    (socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port))
                    for place in ("127.0.0.2", "127.0.0.1")
                ]

            with deadlines.within(DEADLINE):
                stream = DeadlineBackend(deadlines, look_up=look_up).connect_tcp("example.org", port)
            found = stream.get_extra_info("server_addr")
            stream.close()

        assert found == ("127.0.0.1", port)

    def test_uses_a_connection_again_without_its_cookies(self):
        heads = []

        def behave(connection, stopping):
            # One connection, for as long as it is used.
            heads.append([])
            while head := wires.request(connection):
                heads[-1].append(head)
                connection.sendall(wires.whole(b'{"data": []}', headers=b"set-cookie: seen=1\r\n"))

        with wires.serving(behave) as url, to(url) as line:
            for call in (READ, ADD, READ):
                line.send(call)

        assert [len(connection) for connection in heads] == [3]
        assert b"seen=1" not in b"".join(heads[0])

    def test_serves_several_threads_each_with_its_own_deadline(self):
        def behave(connection, stopping):
            # The others wait in the queue of the server while each is answered in turn.
            wires.request(connection)
            connection.sendall(wires.whole(b'{"data": []}', headers=b"connection: close\r\n"))

        with wires.serving(behave) as url, to(url) as line, ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(line.send, [READ] * 24))

        assert [answer.status for answer in answers] == [200] * 24

    def test_closes_its_connections(self):
        ended = threading.Event()

        def behave(connection, stopping):
            wires.request(connection)
            connection.sendall(wires.whole(b'{"data": []}'))
            if connection.recv(1) == b"":
                ended.set()

        with wires.serving(behave) as url:
            with to(url) as line:
                line.send(READ)

            assert ended.wait(5)

    def test_says_that_nothing_left_when_the_certificate_is_not_trusted(self, self_signed):
        server = wires.speaking_tls(self_signed)

        with (
            wires.serving(server) as url,
            to(url.replace("http", "https")) as line,
            pytest.raises(RetryLater) as caught,
        ):
            line.send(ADD)

        assert caught.value.not_sent
        assert caught.value.code == "tls_untrusted"

    def test_ignores_a_proxy_of_the_environment(self, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

        answer, _ = send(wires.answering(wires.whole(b'{"data": []}')), READ)

        assert answer.status == 200

    @pytest.mark.parametrize("key", ["pk_secret\n", "pk_sécret", "pk_se\r\ncret: 1"])
    def test_never_quotes_a_broken_key(self, key):
        with to("http://127.0.0.1:1", key=key) as line, pytest.raises(NeedsDecision) as caught:
            line.send(READ)

        assert caught.value.code == "invalid_credentials"
        assert "cret" not in str(caught.value)

    def test_sends_what_klaviyo_asks_for(self):
        seen = []

        def behave(connection, stopping):
            seen.append(wires.request(connection))
            connection.sendall(wires.whole(b'{"data": []}'))

        send(behave, payloads.members_with("XyZ123", ["a+b@example.org"]))

        head = seen[0].decode()
        assert head.startswith("GET /api/lists/XyZ123/profiles?fields%5Bprofile%5D=email%2Cjoined_group_at&")
        assert "filter=any%28email%2C%5B%22a%2Bb%40example.org%22%5D%29" in head
        assert "authorization: Klaviyo-API-Key pk_" in head
        assert "revision: 2026-07-15" in head
        assert "accept: application/vnd.api+json" in head
