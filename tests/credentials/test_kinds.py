"""What a pasted secret cannot be."""

import pytest

from credentials import kinds

BODY = "0123456789abcdef0123456789abcdef01"
KEY = f"pk_{BODY}"


class TestKlaviyoKey:
    @pytest.mark.parametrize("key", [KEY, KEY.replace("abc", "ABC"), f"pk_AbC123_{BODY}", f"pk_{'z' * 60}"])
    def test_passes_when_it_has_the_shape_of_a_private_key(self, key):
        assert kinds.problem("klaviyo_api_key", key) is None

    @pytest.mark.parametrize(
        ("secret", "named"),
        [
            ("", "Nothing was pasted"),
            (" \n", "Only white space"),
            (f" {KEY}", "white space before the key"),
            (f"{KEY}\n", "white space after the key"),
            (f"\t{KEY} ", "white space before and after the key"),
            (f"{KEY[:20]} {KEY[20:]}", "inside the key"),
            (f"{KEY[:20]}\r\n{KEY[20:]}", "inside the key"),
            (f"Klaviyo-API-Key {KEY}", "belong to the request"),
            (f'"{KEY}"', "quotation marks"),
            (f"“{KEY}”", "quotation marks"),
            ("pk_••••••••cdef", "shortened form"),
            ("pk_012***********************", "shortened form"),
            ("pk_0123...cdef", "shortened form"),
            (f"{KEY}\u200b", "invisible"),
            (f"\ufeff{KEY}", "invisible"),
            ("AbC123", "public API key, also called site ID"),
            ("999999", "A private API key is needed"),
            (BODY, 'begins with "pk_"'),
            (f"sk_{BODY}", 'begins with "pk_"'),
            (KEY.upper(), "small letters"),
            ("pk_", "cut short: it has 3 characters"),
            (KEY[:-1], "cut short: it has 36 characters"),
            (f"{KEY[:-1]}-", "letters, digits and underscores"),
            (KEY + KEY, "pasted twice"),
            (KEY * 40, "characters long"),
        ],
    )
    def test_is_refused_with_the_reason_and_without_the_secret(self, secret, named):
        problem = kinds.problem("klaviyo_api_key", secret)

        assert problem is not None
        assert named in problem
        assert BODY[4:] not in problem
        assert secret not in problem or len(secret) <= 3

    def test_gives_its_last_four_characters_as_hint(self):
        assert kinds.hint("klaviyo_api_key", KEY) == "ef01"


class TestDatabasePassword:
    @pytest.mark.parametrize("password", ["x", " leading and trailing ", "päss wörd", "a" * 200])
    def test_passes_with_spaces_and_letters_of_any_language(self, password):
        assert kinds.problem("database_password", password) is None

    @pytest.mark.parametrize(
        ("password", "named"),
        [
            ("", "Nothing"),
            ("hunter2\n", "line break"),
            ("hun\x00ter2", "zero byte"),
            ("hunter\ud83d", "half a character"),
        ],
    )
    def test_is_refused_when_no_database_could_take_it(self, password, named):
        assert named in (kinds.problem("database_password", password) or "")

    def test_gives_no_hint(self):
        assert kinds.hint("database_password", "correct horse") == ""


def test_an_unknown_kind_is_a_mistake_of_the_program():
    with pytest.raises(ValueError, match="unknown kind"):
        kinds.problem("telepathy", "x")
