"""The activity log: one line, in the transaction of what it tells of."""

from contextlib import suppress
from datetime import date
from uuid import UUID

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.db import IntegrityError, transaction

from accounts import activity
from accounts.models import Activity, User


@pytest.mark.django_db
class TestRecord:
    def test_keeps_who_did_what_to_which_object(self):
        ada = User.objects.create(username="ada")
        group = Group.objects.create(name="Operators")

        activity.record(ada, "group_made", group, members=3, fields=("name", "note"))

        line = Activity.objects.get()
        assert (line.actor, line.action, line.object_type) == (ada, "group_made", "auth.group")
        assert (line.object_id, line.object_label) == (str(group.pk), "Operators")
        assert line.data == {"members": 3, "fields": ["name", "note"]}

    def test_goes_with_the_change_when_that_is_undone(self):
        class Undone(Exception):
            pass

        with suppress(Undone), transaction.atomic():
            activity.record(None, "group_made", Group.objects.create(name="Operators"))
            raise Undone

        assert not Activity.objects.exists()

    def test_outlives_its_actor_and_names_no_person(self):
        ada = User.objects.create(username="ada", first_name="Ada", email="ada@example.org")
        activity.record(ada, "signed_in", ada)

        ada.delete()

        line = Activity.objects.get()
        assert line.actor is None
        assert "ada" not in f"{line} {line.object_label} {line.data}".lower()

    def test_is_by_rollcall_itself_when_nobody_is_signed_in(self):
        assert activity.record(AnonymousUser(), "tidied").actor is None

    def test_blots_out_people_and_keys_in_facts(self):
        line = activity.record(
            None, "tried", note="ada@example.org", key="pk_0123456789abcdef", deep={"to": ["+49 30 1234567"]}
        )

        assert line.data == {"note": "[address]", "key": "[key]", "deep": {"to": ["[phone]"]}}

    def test_writes_ids_and_dates_as_text(self):
        line = activity.record(None, "tried", plan=UUID(int=7), day=date(2026, 11, 21))

        assert line.data == {"plan": "00000000-0000-0000-0000-000000000007", "day": "2026-11-21"}

    @pytest.mark.parametrize("fact", [b"bytes", object()])
    def test_takes_plain_values_alone(self, fact):
        with pytest.raises(TypeError, match="a fact of the activity log cannot be"):
            activity.record(None, "tried", fact=fact)

    def test_needs_an_action(self):
        with pytest.raises(IntegrityError), transaction.atomic():
            activity.record(None, "")
