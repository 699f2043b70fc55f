"""A page that stays open longer than its session."""

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.mark.parametrize("part", ["notifications:bell", "workflows:rows"])
def test_a_part_that_is_asked_for_too_late_has_the_page_loaded_anew(client, part):
    answer = client.get(reverse(part), headers=HTMX)

    assert answer.headers["HX-Refresh"] == "true"
    assert "Location" not in answer.headers
    assert answer.content == b""


def test_a_page_leads_to_the_sign_in_and_back(client):
    answer = client.get(reverse("workflows:list"))

    assert answer.status_code == 302
    assert answer.url == f"{reverse('accounts:sign-in')}?next={reverse('workflows:list')}"


def test_a_part_that_leads_elsewhere_does_so(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("ada"))

    answer = client.get(reverse("notifications:bell"), headers=HTMX)

    assert "HX-Refresh" not in answer.headers
