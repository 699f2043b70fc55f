"""What is made for one person is stored nowhere."""

import pytest
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.django_db


class TestNoStore:
    def test_is_said_on_a_page_of_a_signed_in_person(self, client: Client):
        client.force_login(User.objects.create_user("ada", password="a long enough password"))

        response = client.get("/workflows/")

        assert response.status_code == 200
        assert "no-store" in response["Cache-Control"]
