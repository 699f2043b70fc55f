"""An account of its own for each test, and a plain way to speak to it."""

from collections.abc import Iterator

import pytest

from simulator.control import Account, Simulator
from tests.simulator.plain import Api


@pytest.fixture
def account(simulator: Simulator) -> Iterator[Account]:
    account = simulator.account("Example Shop")
    yield account
    account.clear_faults()


@pytest.fixture
def api(account: Account) -> Api:
    return Api(account.simulator.url, account.key)
