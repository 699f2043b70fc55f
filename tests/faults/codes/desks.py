"""Where somebody takes a way out: at the page in a browser, or by the function behind it."""

from dataclasses import dataclass
from typing import Protocol

from django.urls import reverse
from playwright.sync_api import Locator, Page

from accounts.models import User
from tests.faults.codes.scenario import Given, Press
from workflows import resolutions
from workflows.models import Workflow
from workflows.resolutions import Answers, Person

REFUSED = 422


class Desk(Protocol):
    """Where somebody sits who takes a way out."""

    def press(self, workflow: Workflow, press: Press, given: dict[str, Given]) -> str:
        """Take the way out and return the button's word. Raises AssertionError when it is not open."""


@dataclass(frozen=True)
class CodeDesk:
    """Takes a way out by the function that the page calls: quick, to see whether the way itself works."""

    user: User

    def press(self, workflow: Workflow, press: Press, given: dict[str, Given]) -> str:
        offered = {way.name: way for way in resolutions.offered(workflow, press.reason)}
        assert press.resolution in offered, f"not offered: {press.resolution}; there are {', '.join(offered)}"
        answers = {name: [text] if isinstance(text, str) else list(text) for name, text in given.items()}
        person = Person(self.user.username, self.user)
        resolutions.resolve(workflow, press.resolution, Answers(answers), by=person, reason=press.reason)
        return offered[press.resolution].verb


@dataclass(frozen=True)
class PageDesk:
    """Sits in front of the workflow's page, with nothing but what is on it."""

    page: Page
    url: str

    def press(self, workflow: Workflow, press: Press, given: dict[str, Given]) -> str:
        self.page.goto(self.url + reverse("workflows:detail", args=[workflow.pk]))
        form = self._opened(press)
        for name, answer in given.items():
            _fill(form, name, answer)
        button = form.locator("button[type=submit]:not([formaction])")
        word = button.inner_text().split(":")[0].strip()
        with self.page.expect_response(_is_of(press.resolution)) as answered:
            button.click()
        self.page.wait_for_load_state()
        if answered.value.status == REFUSED:
            told = self.page.locator(".wrong").all_inner_texts()
            raise AssertionError(f"the page said: {' '.join(told)}")
        assert answered.value.status < 400, f"the page answered {answered.value.status}"
        if wrong := self.page.locator(".note[role=status][data-tone=bad]").all_inner_texts():
            raise AssertionError(f"the page said: {' '.join(wrong)}")
        return word

    def _opened(self, press: Press) -> Locator:
        """Open the panel, choose the way out, and return its form."""
        place = f"resolutions-{press.reason}" if press.reason else "resolutions"
        button = self.page.locator(f"[data-opens='{place}']").first
        if button.get_attribute("aria-expanded") == "false":
            button.click()
        chosen = f"input[name=resolution][value='{press.resolution}']"
        way = self.page.locator(f"#{place} .way:has({chosen})")
        way.locator(chosen).check()
        return way.locator("form")


def _is_of(resolution: str):
    return lambda answer: (
        answer.request.method == "POST" and answer.url.endswith(f"/resolutions/{resolution}/")
    )


def _fill(form: Locator, name: str, answer: Given) -> None:
    """Fill a field as its kind asks: choose, tick, or type."""
    field = form.locator(f"[name='{name}']")
    kind = field.first.evaluate("field => field.type")
    if kind in ("radio", "checkbox"):
        for value in [answer] if isinstance(answer, str) else answer:
            form.locator(f"[name='{name}'][value='{value}']").check()
    elif kind.startswith("select"):
        field.select_option(str(answer))
    else:
        field.fill(str(answer))
