"""Keys as written in the settings."""

import base64

import pytest

from credentials.keyring import MalformedKey, Tampered, UnknownKey, read_keyring
from tests.credentials.conftest import a_key


class TestReadKeyring:
    def test_keeps_the_order_newest_first(self):
        keyring = read_keyring([a_key(1), a_key(2)])

        assert keyring.newest == read_keyring([a_key(1)]).newest
        assert [key.id for key in keyring.keys] == [keyring.newest.id, read_keyring([a_key(2)]).newest.id]

    def test_takes_a_key_without_its_padding(self):
        assert read_keyring([a_key(1).rstrip("=")]) == read_keyring([a_key(1)])

    @pytest.mark.parametrize(
        ("texts", "sentence"),
        [
            ([], "CREDENTIALS_KEYS holds no key; give at least one."),
            ([""], "Key 1 of CREDENTIALS_KEYS is 0 bytes long; it must be 32 random bytes."),
            (
                [a_key(1), "changeme"],
                "Key 2 of CREDENTIALS_KEYS is 6 bytes long; it must be 32 random bytes.",
            ),
            ([a_key(1)[:-5]], "Key 1 of CREDENTIALS_KEYS is"),
            (["not base64 at all!"], "Key 1 of CREDENTIALS_KEYS is not URL-safe base64."),
            ([f" {a_key(1)}"], "Key 1 of CREDENTIALS_KEYS has white space around it; remove it."),
            (["A" * 43], "Key 1 of CREDENTIALS_KEYS repeats a few bytes"),
            ([a_key(1), a_key(1)], "CREDENTIALS_KEYS holds the same key twice"),
        ],
    )
    def test_refuses_what_is_no_key_in_a_plain_sentence(self, texts, sentence):
        with pytest.raises(MalformedKey) as refused:
            read_keyring(texts)

        assert str(refused.value).startswith(sentence)
        assert not any(text and text in str(refused.value) for text in texts)


class TestKey:
    def test_shows_its_name_and_not_its_material(self):
        key = read_keyring([a_key(1)]).newest

        assert key.id in repr(key)
        assert repr(key.material) not in repr(key)
        assert base64.urlsafe_b64encode(key.material).decode() not in repr(key)

    def test_never_uses_a_nonce_twice(self):
        key = read_keyring([a_key(1)]).newest

        sealed = {key.encrypt(b"same", bound_to=b"same") for _ in range(1000)}

        assert len({data[:12] for data in sealed}) == 1000

    @pytest.mark.parametrize("flipped", range(0, 32, 3))
    def test_notices_any_changed_byte(self, flipped):
        key = read_keyring([a_key(1)]).newest
        sealed = bytearray(key.encrypt(b"word", bound_to=b"row 1"))

        sealed[flipped] ^= 1

        with pytest.raises(Tampered):
            key.decrypt(bytes(sealed), bound_to=b"row 1")

    @pytest.mark.parametrize("length", [0, 5, 12, 27])
    def test_notices_when_it_was_cut(self, length):
        key = read_keyring([a_key(1)]).newest

        with pytest.raises(Tampered):
            key.decrypt(key.encrypt(b"word", bound_to=b"row 1")[:length], bound_to=b"row 1")

    def test_is_unknown_when_it_is_not_on_the_ring(self):
        with pytest.raises(UnknownKey, match="which is not in CREDENTIALS_KEYS"):
            read_keyring([a_key(1)]).find(read_keyring([a_key(2)]).newest.id)
