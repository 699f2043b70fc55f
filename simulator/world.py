"""Everything one simulator holds, and what a handler of an API request is given of it."""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.accounts import Account, Accounts
from simulator.clock import Clock, Stamps
from simulator.faults import Faults
from simulator.filters import Condition
from simulator.ids import Ids
from simulator.journal import Journal
from simulator.limits import Limits
from simulator.spec import Operation, Spec
from simulator.store import Store
from simulator.wire import Request

if TYPE_CHECKING:
    from simulator.importer import Importer
    from simulator.sftp.service import Sftp


@dataclass(frozen=True)
class World:
    """`limited` says whether accounts without a setting of their own have rate limits."""

    store: Store
    accounts: Accounts
    clock: Clock
    stamps: Stamps
    ids: Ids
    spec: Spec
    limits: Limits
    faults: Faults
    journal: Journal
    importer: "Importer"
    sftp: "Sftp"
    limited: bool
    stopping: threading.Event


@dataclass(frozen=True)
class Call:
    """One API request of a known account, already held against the document."""

    world: World
    request: Request
    account: Account
    operation: Operation
    params: dict[str, str]
    body: Any
    conditions: tuple[Condition, ...]

    @property
    def page_size(self) -> int:
        given = self.request.parameter("page[size]")
        return int(given) if given else self.operation.parameters["page[size]"].default or 20

    @property
    def api(self) -> str:
        """The address all links begin with."""
        return f"{self.request.base}/api"

    @property
    def here(self) -> str:
        return f"{self.request.base}{self.request.target}"
