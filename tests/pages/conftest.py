"""Who looks, and at what."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page

from accounts.models import User
from tests.pages import world as worlds


@pytest.fixture
def ada(db) -> User:
    """The person who runs it: may do everything."""
    return User.objects.create_superuser("ada", password="a long enough passphrase")


@pytest.fixture
def ben(db) -> User:
    """Somebody who may sign in, and nothing else."""
    return User.objects.create_user("ben", password="another long passphrase")


@pytest.fixture
def world(db) -> worlds.World:
    return worlds.build()


@pytest.fixture
def as_ada(client: Client, ada: User) -> Client:
    client.force_login(ada)
    return client


@pytest.fixture
def as_ben(ben: User) -> Client:
    client = Client()
    client.force_login(ben)
    return client


@pytest.fixture
def browsing(live_server, browser_page: Page, as_ada: Client) -> Page:
    """A page that is signed in as Ada."""
    cookie = as_ada.cookies[settings.SESSION_COOKIE_NAME]
    browser_page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
    return browser_page


def every_page(world: worlds.World) -> dict[str, str]:
    """The address of each page that can be looked at, by a name for it."""
    named = {
        "overview": reverse("overview"),
        "credentials": reverse("credentials:list"),
        "credential": reverse("credentials:detail", args=[world.credential.pk]),
        "password": reverse("credentials:detail", args=[world.password.pk]),
        "SFTP key": reverse("credentials:detail", args=[world.sftp.pk]),
        "add credential": reverse("credentials:add"),
        "add SFTP key": reverse("credentials:add") + "?kind=klaviyo_sftp",
        "queries": reverse("audiences:queries"),
        "query": reverse("audiences:query", args=[world.query.pk]),
        "draft": reverse("audiences:query", args=[world.draft.pk]),
        "preview": reverse("audiences:preview", args=[world.query.pk]),
        "destinations": reverse("destinations:list"),
        "destination": reverse("destinations:detail", args=[world.destination.pk]),
        "add destination": reverse("destinations:add"),
        "add template": reverse("destinations:add-template", args=[world.destination.pk]),
        "orchestrations": reverse("workflows:orchestrations"),
        "workflows": reverse("workflows:list"),
        "notifications": reverse("notifications:list"),
        "all notifications": reverse("notifications:list") + "?show=all",
        "channels": reverse("notifications:channels"),
        "add channel": reverse("notifications:add-channel"),
    }
    workflows = {
        f"{part} workflow": reverse("workflows:detail", args=[workflow.pk])
        for part, workflow in world.workflows.items()
    }
    return named | workflows
