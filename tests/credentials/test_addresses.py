"""Where a key of SSH is used."""

import pytest

from credentials import addresses
from credentials.addresses import Address


def problems(kind: str = "sftp", **given: object) -> dict[str, str]:
    stated = {"host": "sftp.example.org", "user": "acme", **given}
    return addresses.problems(kind, addresses.tidy(kind, stated))


class TestTidy:
    def test_gives_what_was_left_empty_its_default(self):
        empty = {"host": "", "port": None, "user": "", "folder": ""}

        assert addresses.tidy("klaviyo_sftp", empty) == Address("sftp.klaviyo.com", 22, "", "profiles")

    def test_keeps_names_in_one_spelling(self):
        given = {"host": " SFTP.Example.ORG. ", "user": " acme ", "folder": "in/audiences/"}

        assert addresses.tidy("sftp", given) == Address("sftp.example.org", 22, "acme", "in/audiences")

    def test_leaves_the_top_folder_where_it_is(self):
        assert addresses.tidy("sftp", {"folder": "/"}).folder == "/"

    def test_reads_back_what_was_kept(self):
        address = Address("sftp.example.org", 2222, "acme", "in")

        assert addresses.read("sftp", {**address.as_settings(), "public_key": "x"}) == address


class TestProblems:
    @pytest.mark.parametrize(
        "host", ["sftp.example.org", "10.0.0.7", "::1", "s-1.eu_west.example.com", "localhost"]
    )
    def test_takes_names_and_numbers_of_servers(self, host):
        assert problems(host=host) == {}

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("host", "sftp://sftp.example.org"),
            ("host", "acme@sftp.example.org"),
            ("host", "sftp.example.org/in"),
            ("host", "sftp.example.org:22"),
            ("host", "two words"),
            ("host", "-o.example.org"),
            ("host", "é.example.org"),
            ("host", "a" * 254),
            ("port", 65_536),
            ("user", "two words"),
            ("user", "acme:secret"),
            ("user", "u" * 129),
            ("folder", "in/../.."),
            ("folder", "in\\audiences"),
            ("folder", "in\nout"),
            ("folder", "f" * 201),
        ],
    )
    def test_says_which_part_cannot_be(self, key, value):
        assert list(problems(**{key: value})) == [key]

    def test_misses_a_user_name_where_klaviyo_does_not_give_one_later(self):
        assert list(problems(user="")) == ["user"]
        assert problems("klaviyo_sftp", user="") == {}

    def test_misses_a_server(self):
        assert list(problems(host="")) == ["host"]
