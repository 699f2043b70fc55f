"""A key that stops working in the middle of a run, and what it is replaced by."""

from collections.abc import Callable

from credentials import vault
from simulator.control import Account, Simulator
from tests.flows.world import World, people
from workflows import decisions
from workflows.models import Workflow
from workflows.moves import State


def paused_while_delivering(company: World) -> Workflow:
    """A second run whose adds are done, and whose removals were answered with 401."""
    company.write(people(40))
    company.run()
    company.write(people(40, first=3))
    company.klaviyo.fault("status", method="DELETE", path="relationships/profiles", status=401, times=1)
    return company.run()


class TestReplacedSecret:
    def test_of_another_account_changes_nothing_there(
        self, world: Callable[..., World], simulator: Simulator
    ):
        company, other = world(), simulator.account("Another shop")
        paused = paused_while_delivering(company)
        assert (paused.state, paused.code) == (State.PAUSED, "invalid_credentials")

        replace_secret(company, other)
        decisions.retry(paused, by="a test")
        again = company.go_on(paused)

        assert (again.state, again.code) == (State.PAUSED, "wrong_account")
        assert other.writes() == []
        assert {entry["method"] for entry in other.log()} == {"GET"}

    def test_of_the_right_account_goes_on(self, world: Callable[..., World], simulator: Simulator):
        company = world()
        paused = paused_while_delivering(company)
        replace_secret(company, simulator.account("Another shop"))
        decisions.retry(paused, by="a test")
        paused = company.go_on(paused)

        replace_secret(company, company.klaviyo)
        decisions.retry(paused, by="a test")

        assert company.go_on(paused).state == State.SUCCEEDED
        assert company.members() == {person["email"] for person in people(40, first=3)}


def replace_secret(company: World, account: Account) -> None:
    company.credential.refresh_from_db()
    assert vault.save_secret(company.credential, account.key)
