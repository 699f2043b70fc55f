"""What goes by SFTP, written in a file: taken as it stands, refused with the reason, given back."""

from pathlib import Path
from typing import Any

import pytest

from api.configuration.applying import apply
from api.configuration.errors import ConfigurationError
from api.configuration.export import as_yaml, export
from credentials import ssh_keys
from credentials.models import Credential
from destinations.models import DataTemplate, Destination
from tests.api.shop import Shop

pytestmark = pytest.mark.django_db

KEYS = """
credentials:
  Uploads: {kind: klaviyo_sftp, secret: env:SFTP_KEY, user: abc123_up}
  Partner: {kind: sftp, secret: env:SFTP_KEY, user: rollcall, host: sftp.example.org}"""
LARGE = """
    credential: Shop
    sftp_credential: Uploads
    sftp:
      folder: in/profiles
      part_rows: 20000
      headers: {first_name: First Name}"""
PARTNER = """
  Partner:
    plugin: sftp
    credential: Partner
    sftp: {folder: drop, staging: false, headers: {email: E-mail}}
data_templates:
  Rows:
    destination: Partner
    list_name: VIP
    use_full_profile: true
    mapping: {Name: name}"""
BY_SFTP = "use_full_profile: true\n    path: sftp"
KEYED = ("\ncredentials:", KEYS)
ENLARGED = ("\n    credential: Shop", LARGE)
FILLED = ("\ndata_templates:", PARTNER)
SENT = ("use_full_profile: true", BY_SFTP)
NO_CITY = ("\n      location.city: city", "")


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFTP_KEY", ssh_keys.generate().openssh)


def refused(shop: Shop, *changes: tuple[str, str]) -> str:
    shop.says(*changes)
    with pytest.raises(ConfigurationError) as error:
        apply(shop.file, test=False)
    return str(error.value)


class TestApply:
    def test_keeps_how_files_go(self, shop: Shop):
        shop.says(KEYED, ENLARGED, SENT, NO_CITY)

        apply(shop.file)

        made = Destination.objects.select_related("sftp_credential").get(name="Klaviyo")
        assert made.sftp_credential is not None
        assert made.sftp_credential.name == "Uploads"
        assert made.settings == {
            "sftp": {"folder": "in/profiles", "part_rows": 20000, "headers": {"first_name": "First Name"}}
        }
        assert DataTemplate.objects.get(name="Profile").path == "sftp"

    def test_makes_a_destination_of_files(self, shop: Shop):
        shop.says(KEYED, FILLED)

        apply(shop.file)

        made = Destination.objects.get(name="Partner")
        assert made.settings["sftp"]["headers"] == {"email": "E-mail"}
        assert made.templates.get().mapping == [{"column": "name", "target": "Name", "type": "text"}]

    def test_changes_nothing_the_second_time(self, shop: Shop):
        shop.says(KEYED, ENLARGED, SENT, NO_CITY, FILLED)
        apply(shop.file)

        assert not apply(shop.file).changed

    def test_lets_go_of_what_the_file_no_longer_says(self, shop: Shop):
        shop.says(KEYED, ENLARGED)
        apply(shop.file)
        shop.says(KEYED)

        applied = apply(shop.file)

        changed = [change for change in applied.changes if change.is_change]
        assert [(change.name, change.fields) for change in changed] == [
            ("Klaviyo", ("sftp_credential", "settings"))
        ]
        assert Destination.objects.get(name="Klaviyo").settings == {}

    def test_refuses_one_key_for_two_accounts(self, shop: Shop):
        shop.says(KEYED, ENLARGED)
        apply(shop.file, test=False)
        Destination.objects.update(account_id="AAA")
        Credential.objects.create(name="Second", kind="klaviyo_api_key", account_id="BBB")
        second = """
  Second shop:
    plugin: klaviyo
    credential: Second
    sftp_credential: Uploads
data_templates:"""

        told = refused(shop, KEYED, ENLARGED, ("\ndata_templates:", second))

        assert (
            "destinations › Second shop › sftp_credential: The SFTP credential “Uploads” is used by" in told
        )
        assert "“Klaviyo”, which feeds another account" in told

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ((SENT,), "data_templates › Profile › path: The destination has no SFTP credential."),
            (
                (KEYED, ENLARGED, SENT),
                "data_templates › Profile › path: location.city cannot go by SFTP",
            ),
            (
                (KEYED, ENLARGED, ("sftp_credential: Uploads", "sftp_credential: Upload")),
                "there is no credential “Upload”. Did you mean “Uploads”?",
            ),
            (
                (KEYED, ENLARGED, ("sftp_credential: Uploads", "sftp_credential: Partner")),
                "“Partner” is a sftp; a klaviyo_sftp is needed here.",
            ),
            (
                (KEYED, ENLARGED, ("part_rows", "part_row")),
                "sftp › part_row: unknown key. Did you mean “part_rows”?",
            ),
            (
                (KEYED, ENLARGED, ("part_rows: 20000", "part_rows: 0")),
                "destinations › Klaviyo › sftp: Rows in a part is a whole number from 1",
            ),
            (
                (KEYED, FILLED, ("plugin: sftp", "plugin: sftp\n    sftp_credential: Partner")),
                "opens the server already; leave this out.",
            ),
            ((KEYED, FILLED, ("folder: drop", "wait_minutes: 5")), "“wait_minutes” is no setting"),
            (
                (
                    KEYED,
                    FILLED,
                    (
                        "list_name: VIP\n    use_full_profile: true\n    mapping: {Name",
                        "list_name: VIP\n    path: api\n    mapping: {Name",
                    ),
                ),
                "there is no API to send by",
            ),
            ((KEYED, FILLED, ("mapping: {Name: name}", "mapping: {Key: name}")), "rows have here already"),
        ],
    )
    def test_says_what_is_wrong_and_writes_nothing(
        self, shop: Shop, changes: tuple[tuple[str, str], ...], sentence: str
    ):
        assert sentence in refused(shop, *changes)
        assert not Destination.objects.exists()

    def test_refuses_to_shut_out_a_template_it_does_not_mention(self, shop: Shop):
        shop.says(KEYED, ENLARGED, SENT, NO_CITY)
        apply(shop.file)
        text = shop.file.read_text()
        shop.file.write_text(
            text[: text.index("data_templates:")].replace("    sftp_credential: Uploads\n", "")
        )

        with pytest.raises(ConfigurationError) as error:
            apply(shop.file)

        assert "its data template “Profile” could not be sent any more" in str(error.value)


class TestExport:
    def test_gives_back_what_was_applied(self, shop: Shop, tmp_path: Path):
        shop.says(KEYED, ENLARGED, SENT, NO_CITY, FILLED)
        apply(shop.file)
        document: dict[str, Any] = export()
        kept = tmp_path / "kept.yaml"
        kept.write_text(as_yaml(document))

        assert document["destinations"]["Klaviyo"]["sftp_credential"] == "Uploads"
        assert document["destinations"]["Partner"]["sftp"]["staging"] is False
        assert document["data_templates"]["Profile"]["path"] == "sftp"
        assert "path" not in document["data_templates"]["Rows"]
        assert not apply(kept).changed
