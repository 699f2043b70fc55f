"""Making the database say what a file says: by name, all or nothing, once."""

from pathlib import Path
from typing import Any

import pytest

from accounts.models import Activity
from api.configuration.applying import Applied, apply
from api.configuration.errors import ConfigurationError
from api.configuration.export import as_yaml, export
from audiences.models import Query, Source
from credentials import vault
from credentials.models import Credential
from destinations.models import DataTemplate, Destination
from simulator.control import Account
from tests.api.shop import Shop
from workflows.models import Orchestration

pytestmark = pytest.mark.django_db
MODELS = (Credential, Source, Query, Destination, DataTemplate, Orchestration)


def actions(applied: Applied) -> dict[str, int]:
    found: dict[str, int] = {}
    for change in applied.changes:
        found[change.action] = found.get(change.action, 0) + 1
    return found


def stored() -> dict[str, Any]:
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in MODELS}


def refused(shop: Shop, **options: Any) -> str:
    with pytest.raises(ConfigurationError) as error:
        apply(shop.file, **options)
    return str(error.value)


class TestApply:
    def test_creates_everything_the_file_says(self, shop: Shop, klaviyo: Account):
        applied = apply(shop.file)

        assert actions(applied) == {"created": 6}
        orchestration = Orchestration.objects.get(name="VIP")
        assert orchestration.query.is_active
        assert [column["name"] for column in orchestration.query.columns] == ["email", "name", "city"]
        assert orchestration.template.destination.account_id == klaviyo.id
        assert vault.reveal(Credential.objects.get(name="Shop")) == klaviyo.key

    def test_changes_nothing_the_second_time(self, shop: Shop, klaviyo: Account):
        apply(shop.file)
        before, calls, told = stored(), len(klaviyo.log()), Activity.objects.count()

        applied = apply(shop.file)

        assert not applied.changed
        assert actions(applied) == {"unchanged": 6}
        assert stored() == before
        assert (len(klaviyo.log()), Activity.objects.count()) == (calls, told)

    def test_updates_only_what_differs(self, shop: Shop):
        apply(shop.file)
        shop.says(("use_full_profile: true", "use_full_profile: false\n    mode: add_only"))

        applied = apply(shop.file)

        assert [change.as_dict() for change in applied.changes if change.is_change] == [
            {
                "kind": "data template",
                "name": "Profile",
                "action": "updated",
                "fields": ["full_profile", "mode"],
            }
        ]

    def test_looks_at_a_query_again_when_its_text_changes(self, shop: Shop):
        apply(shop.file)
        shop.says(("SELECT email, name, city", "SELECT email, name, city, 1 AS tier"))

        apply(shop.file)

        query = Query.objects.get(name="VIP")
        assert query.version == 2
        assert [column["name"] for column in query.columns][-1] == "tier"

    def test_writes_no_secret_into_the_activity_log(self, shop: Shop, klaviyo: Account):
        apply(shop.file)

        told = str(list(Activity.objects.values()))
        assert Activity.objects.count() == 6
        assert klaviyo.key not in told

    def test_keeps_a_secret_that_the_file_no_longer_points_to(self, shop: Shop):
        apply(shop.file)
        shop.says(("    secret: env:SHOP_KEY\n", ""))

        assert not apply(shop.file).changed


class TestRefusal:
    def test_writes_nothing_when_one_query_is_refused(self, shop: Shop):
        shop.says(("FROM customers", "FROM nowhere"))

        said = refused(shop)

        assert said.startswith("queries › VIP: ")
        assert stored() == {model.__name__: [] for model in MODELS}

    def test_writes_nothing_when_a_key_is_rejected(self, shop: Shop, klaviyo: Account):
        klaviyo.change(revoked=True)

        said = refused(shop)

        klaviyo.change(revoked=False)
        assert said.startswith("credentials › Shop: Klaviyo rejected this key (401).")
        assert stored() == {model.__name__: [] for model in MODELS}

    def test_takes_a_rejected_key_untried(self, shop: Shop, klaviyo: Account):
        klaviyo.change(revoked=True)

        applied = apply(shop.file, test=False)

        assert actions(applied) == {"created": 6}
        assert Destination.objects.get().account_id == ""

    def test_warns_when_klaviyo_cannot_be_reached(self, shop: Shop, settings: Any):
        settings.KLAVIYO_API_URL = "http://127.0.0.1:1"

        applied = apply(shop.file)

        assert actions(applied) == {"created": 6}
        assert applied.warnings[0].startswith("credentials › Shop: the key could not be tried now.")

    def test_refuses_a_key_of_another_account(self, shop: Shop, klaviyo: Account, monkeypatch: Any):
        apply(shop.file)
        before = stored()
        other = klaviyo.simulator.account("Another Shop")
        monkeypatch.setenv("SHOP_KEY", other.key)

        said = refused(shop)

        assert "opens the account “Another Shop”" in said
        assert stored() == before

    @pytest.mark.parametrize(
        ("before", "after", "sentence"),
        [
            ("env:SHOP_KEY", "pk_1234", "a secret is never written into the file"),
            ("env:SHOP_KEY", "env:NO_SUCH_KEY", "the environment variable NO_SUCH_KEY is not set"),
            (
                "source: Warehouse",
                "source: Warehuose",
                "Did you mean “Warehouse”?",
            ),
            ("plugin: klaviyo", "plugin: klavio", "there is no plugin “klavio”. Did you mean “klaviyo”?"),
            ("location.city: city", "location.town: city", 'have no field "location.town"'),
            ("  Shop:\n    kind: klaviyo_api_key", "  Shop:\n    kind: database_password", "is needed here"),
            ("path: shop.sqlite", "path: nowhere.sqlite", "There is no file nowhere.sqlite"),
            ("data_template: Profile", "data_template: Profil", "Did you mean “Profile”?"),
        ],
    )
    def test_says_what_is_wrong_and_writes_nothing(self, shop: Shop, before: str, after: str, sentence: str):
        shop.says((before, after))

        assert sentence in refused(shop)
        assert not Credential.objects.exists()

    def test_warns_of_a_column_the_query_does_not_have(self, shop: Shop):
        shop.says(("location.city: city", "location.city: citty"))

        applied = apply(shop.file)

        assert applied.warnings == (
            "orchestrations › VIP: the query “VIP” has no column “citty”. Did you mean “city”?",
        )

    def test_warns_of_a_query_without_addresses(self, shop: Shop):
        shop.says(("SELECT email, name, city", "SELECT name, city"))

        applied = apply(shop.file)

        assert "has no column with e-mail addresses" in applied.warnings[0]


class TestExport:
    def test_gives_back_what_was_applied(self, shop: Shop, tmp_path: Path):
        apply(shop.file)

        again = tmp_path / "exported.yaml"
        again.write_text(as_yaml(export()))

        assert not apply(again).changed
        assert "pk_" not in again.read_text()
