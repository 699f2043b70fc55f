"""People and what they may do, from the command line."""

import io
import re
from pathlib import Path

import pytest
from django.contrib.auth import authenticate

from accounts.models import Activity, User
from api.management.commands.grant import ROOMS
from tests.api.shop import command

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))


class TestGrant:
    def test_makes_a_person_who_may_do_just_that(self, typed: None):
        ended = command("grant", "grace", "workflows.add_workflow", "--new")

        grace = authenticate(username="grace", password=PASSWORD)
        assert ended.code == 0
        assert PASSWORD not in ended.out + ended.err
        assert isinstance(grace, User)
        assert grace.has_perm("workflows.add_workflow")
        assert not grace.has_perm("workflows.add_approval")
        assert (grace.is_superuser, grace.is_staff) == (False, False)

    def test_gives_more_and_takes_away(self):
        User.objects.create_user("grace")
        both = ["workflows.add_workflow", "audiences.view_people"]

        given = command("grant", "grace", *both, "--json").json
        taken = command("grant", "grace", both[0], "--take", "--json").json

        assert given["permissions"] == sorted(both)
        assert taken["permissions"] == [both[1]]
        assert set(Activity.objects.values_list("action", flat=True)) == {
            "granted_permissions",
            "took_permissions",
        }

    def test_refuses_a_weak_password_and_makes_nobody(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))

        ended = command("grant", "grace", "--new")

        assert ended.code == 1
        assert "too short" in ended.err
        assert not User.objects.exists()

    def test_refuses_a_name_that_is_taken(self, typed: None):
        User.objects.create_user("grace")

        assert command("grant", "grace", "--new").code == 1

    def test_names_what_was_probably_meant(self):
        User.objects.create_user("grace")

        ended = command("grant", "grace", "workflows.add_workflows")

        assert ended.code == 1
        assert "Did you mean “workflows.add_workflow”?" in ended.err

    def test_says_how_to_make_a_person_who_is_not_there(self):
        ended = command("grant", "nobody", "workflows.add_workflow")

        assert ended.code == 1
        assert "add: --new" in ended.err


def test_the_documentation_explains_every_permission_a_page_asks_for():
    rooms = "|".join(ROOMS)
    pattern = rf"(?:permission_required\(\"|perms\.|SEE_PEOPLE = \")((?:{rooms})\.[a-z_]+)"
    places = [*ROOT.glob("*/views.py"), *(ROOT / "templates").rglob("*.html")]
    asked = {name for place in places for name in re.findall(pattern, place.read_text())}
    people = (ROOT / "docs" / "operations.md").read_text().partition("\n## People")[2].partition("\n## ")[0]

    assert asked
    assert sorted(name for name in asked if f"`{name}`" not in people) == []
