"""Three runs of the demo that stop, each for a person to mend on its own page."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simulator.control import Account, Simulator

ORCHESTRATIONS = ("Second shop", "Autumn sale", "Germany, with phones")
MOST_LISTS = 1_000
NEEDS_A_DECISION = 3
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "troubles.yaml"


@dataclass(frozen=True)
class Troubles:
    """`place` is the demo's folder, `typed` runs a command and returns its exit code, `say` gets lines."""

    place: Path
    simulator: Simulator
    typed: Callable[[list[str]], int]
    say: Callable[[str], None]

    def make(self) -> int:
        """Let each of the three run into its trouble, once; return the exit code of the last command."""
        written = self.place / EXAMPLE.name
        if written.exists():
            self.say("\nThe three runs with troubles are there already: see Workflows.")
            return 0
        second, third = self._account("Second shop"), self._account("Third shop")
        written.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
        if code := self.typed(["apply", str(written)]):
            written.unlink()
            return code
        second.change(revoked=True)
        third.fill_lists(MOST_LISTS)
        for name in ORCHESTRATIONS:
            code = self.typed(["run", name, "--wait"])
            if code != NEEDS_A_DECISION:
                return code
        self._tell(second.new_key())
        return 0

    def _account(self, name: str) -> Account:
        """Open an account, with its key in a file for `apply`."""
        account = self.simulator.account(f"Rollcall demo, {name.lower()}", key=f"pk_{secrets.token_hex(17)}")
        path = self.place / f"{name.split()[0].lower()}.key"
        path.touch(mode=0o600)
        path.write_text(account.key, encoding="utf-8")
        return account

    def _tell(self, key: str) -> None:
        self.say("\nThree runs need a decision. Mend them in the web app, under Workflows:")
        self.say(f"  Second shop: its key was revoked. Klaviyo made a new one for it: {key}")
        self.say(f"  Autumn sale: its account holds {MOST_LISTS:,} lists, and no more are allowed.")
        self.say("  Germany, with phones: the numbers are written without their country.")
