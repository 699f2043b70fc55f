"""What is decided without a server: where rows are cut, which keys are asked for, how long is waited."""

import random
import threading

import pytest

from credentials.host_keys import Pin
from destinations.csv_file import Block
from destinations.errors import Rejected
from destinations.sftp.address import Address, Timeouts
from destinations.sftp.connection import host_key_algorithms
from destinations.sftp.upload import requests
from destinations.sftp.watch import Watch
from destinations.sftp.wire import LARGE_REQUEST_BYTES, SMALL_REQUEST_BYTES, _bounded


class TestRequests:
    @pytest.mark.parametrize("seed", range(20))
    def test_each_ends_with_a_row_and_together_they_are_the_block(self, seed: int) -> None:
        dice = random.Random(seed)
        rows = [b"x" * dice.randrange(90) + b"\n" for _ in range(dice.randrange(1, 400))]
        block = Block(b"".join(rows), len(rows))

        pieces = list(requests(block, most_bytes=100))

        assert b"".join(bytes(data) for data, _ in pieces) == block.data
        assert all(bytes(data).endswith(b"\n") and len(data) <= 100 for data, _ in pieces)
        assert sum(count for _, count in pieces) == len(rows)

    def test_does_not_count_the_header(self) -> None:
        block = Block(b"Email\na@example.org\nb@example.org\n", 2)

        assert [(bytes(data), rows) for data, rows in requests(block, most_bytes=20)] == [
            (b"Email\na@example.org\n", 1),
            (b"b@example.org\n", 1),
        ]

    def test_says_that_a_row_is_too_long(self) -> None:
        with pytest.raises(Rejected) as caught:
            list(requests(Block(b"short\n" + b"x" * 100 + b"\n", 2), most_bytes=100))

        assert caught.value.code == "too_large"

    def test_takes_any_kind_of_bytes_and_none(self) -> None:
        assert list(requests(Block(b"", 0), most_bytes=10)) == []
        assert [rows for _, rows in requests(Block(memoryview(b"a\nb\n"), 2), most_bytes=10)] == [2]

    def test_refuses_a_block_that_ends_within_a_row(self) -> None:
        with pytest.raises(ValueError, match="within a row"):
            list(requests(Block(b"a@example.org\nb@exam", 1), most_bytes=100))


class TestAddress:
    def test_names_an_account_for_a_user_at_a_host(self) -> None:
        address = Address.of({"host": "sftp.example.com", "user": "abc"})

        assert str(address) == "sftp.example.com:22"
        assert address.account_name == "abc@sftp.example.com:22"
        assert address.account_id.startswith("sftp:")
        assert len(address.account_id) == len("sftp:") + 16
        assert address.account_id != Address("sftp.example.com", 22, "abd").account_id

    def test_knows_that_something_is_missing(self) -> None:
        assert not Address.of({}).is_complete
        assert Address.of({"host": "h", "user": "u", "port": 2222}) == Address("h", 2222, "u")

    def test_writes_an_address_of_numbers_so_that_the_port_is_seen(self) -> None:
        assert str(Address("2001:db8::1", 22, "u")) == "[2001:db8::1]:22"


class TestHostKeyAlgorithms:
    def test_asks_for_the_pinned_types_first_and_for_no_old_ones(self) -> None:
        found = host_key_algorithms((Pin("ssh-rsa", "SHA256:a"), Pin("ecdsa-sha2-nistp256", "SHA256:b")))

        assert found[:3] == ("rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256")
        assert len(found) == len(set(found)) == 6
        assert not {"ssh-rsa", "ssh-dss"} & set(found)


class TestLimits:
    @pytest.mark.parametrize(
        ("told", "packet", "used"),
        [
            (261_120, 262_144, LARGE_REQUEST_BYTES),
            (10_000_000, 10_000_000, LARGE_REQUEST_BYTES),
            (0, 0, SMALL_REQUEST_BYTES),
            (65_536, 34_000, 32_976),
            (8_000, 0, 8_000),
        ],
    )
    def test_a_request_is_no_larger_than_told(self, told: int, packet: int, used: int) -> None:
        assert _bounded(told, packet) == used


class TestTimeouts:
    def test_release_a_worker_within_70_seconds(self) -> None:
        times = Timeouts()

        assert times.connect + times.banner + times.auth + times.channel <= 70
        assert times.stall <= 70


class TestWatch:
    @pytest.fixture
    def watched(self) -> tuple[Watch, threading.Event]:
        ended = threading.Event()
        return Watch(ended.set), ended

    def test_ends_what_takes_too_long(self, watched: tuple[Watch, threading.Event]) -> None:
        watch, ended = watched
        with watch.within(0.01):
            assert ended.wait(5)

        assert watch.late

    def test_leaves_alone_what_goes_on_or_is_over(self, watched: tuple[Watch, threading.Event]) -> None:
        watch, ended = watched
        with watch.within(0.2):
            for _ in range(6):
                ended.wait(0.05)
                watch.progress()

        assert not ended.wait(0.3)
        assert not watch.late
        watch.close()

    def test_ends_its_thread_when_it_is_closed(self, watched: tuple[Watch, threading.Event]) -> None:
        watch, ended = watched
        watch.close()
        watch._thread.join(5)

        assert not watch._thread.is_alive()
        assert not ended.is_set()
