"""Rows of people are shown only masked, but to those who may see them."""

import sqlite3

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts.models import Activity

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(world, tmp_path):
    """The world's source, with two people in it."""
    path = tmp_path / "shop.sqlite"
    with sqlite3.connect(path) as con:
        con.execute("create table people (email text, tier text)")
        con.executemany(
            "insert into people values (?, ?)", [("ada@example.org", "gold"), ("grace@example.org", None)]
        )
    con.close()
    world.source.settings = {"path": str(path)}
    world.source.save()
    return world


class TestPreview:
    def test_masks_people_for_who_may_not_see_them(self, as_ben, ben, shop):
        ben.user_permissions.add(Permission.objects.get(codename="view_query"))

        page = as_ben.get(reverse("audiences:preview", args=[shop.query.pk])).content.decode()

        assert "ada@example.org" not in page
        assert "a•••@e•••.org" in page
        assert "gold" in page

    def test_shows_people_to_somebody_who_was_given_the_permission(self, as_ben, ben, shop):
        ben.user_permissions.set(Permission.objects.filter(codename__in=["view_query", "view_people"]))

        page = as_ben.get(reverse("audiences:preview", args=[shop.query.pk])).content.decode()

        assert "ada@example.org" in page
        assert "a•••@e•••.org" not in page

    def test_shows_people_to_who_may_see_them_and_writes_it_down(self, as_ada, shop):
        page = as_ada.get(reverse("audiences:preview", args=[shop.query.pk])).content.decode()

        assert "ada@example.org" in page
        assert Activity.objects.get(action="previewed").data == {"rows": 2, "unmasked": True}

    def test_says_why_there_are_no_rows(self, as_ada, world):
        page = as_ada.get(reverse("audiences:preview", args=[world.query.pk])).content.decode()

        assert "There is no file shop.sqlite" in page


class TestActivate:
    def test_makes_a_draft_active_with_its_columns(self, as_ada, shop):
        as_ada.post(reverse("audiences:activate", args=[shop.draft.pk]))

        shop.draft.refresh_from_db()
        assert shop.draft.is_active
        assert [column["meaning"] for column in shop.draft.columns] == ["email", None]

    def test_leaves_it_a_draft_when_the_source_does_not_answer(self, as_ada, world):
        page = as_ada.post(reverse("audiences:activate", args=[world.draft.pk]), follow=True).content.decode()

        world.draft.refresh_from_db()
        assert not world.draft.is_active
        assert "was not activated" in page


class TestSource:
    def test_is_tested_and_says_what_answers(self, as_ada, shop):
        url = reverse("audiences:test-source", args=[shop.source.pk])

        page = as_ada.post(url, follow=True).content.decode()

        shop.source.refresh_from_db()
        assert shop.source.tested_at
        assert "1 table" in page
