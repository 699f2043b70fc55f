"""The demo: a shop, a Klaviyo in a box, and the product's own commands run on them.

Everything it makes is in DATA_DIR/demo: delete that folder, and the demo begins anew.
"""

import fcntl
import json
import os
import secrets
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import Template

from audiences import demo_warehouse
from config import serving
from config.processes import Supervisor
from config.troubles import Troubles
from credentials import ssh_keys
from simulator.control import Account, Simulator

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
LIST = "Newsletter"
ORCHESTRATION = "Newsletter"
ACCOUNT = "Rollcall demo shop"
SFTP_PORT = 2222
STOPPED = 130


@dataclass(frozen=True)
class Demo:
    """Where one demo lives; `say` gets each line for the person watching."""

    place: Path
    supervisor: Supervisor
    say: Callable[[str], None]

    @property
    def warehouse(self) -> Path:
        return self.place / "shop" / "warehouse.duckdb"

    def run(self, *, customers: int, port: int, serve: bool, troubles: bool = False) -> int:
        """Show one round and, with `serve`, the web app until Ctrl-C; return the exit code.

        With `troubles`, three runs that stop are made as well.
        """
        with serving.private_broker(self.supervisor) as broker:
            simulator = self._start_simulator()
            account = simulator.account(ACCOUNT, key=self._key())
            env = environment(self.place, broker=broker, klaviyo=simulator.url, port=port)
            self._write_configuration(account)
            self._prepare(account, customers)
            code = self._round(env) or self._checked(account)
            if troubles and not code:
                code = Troubles(self.place, simulator, partial(self._typed, env=env), self.say).make()
            if serve and code != STOPPED:
                self._serve(env, port)
        return code

    def _start_simulator(self) -> Simulator:
        """Start the simulator at Klaviyo's published limits, with the memory of earlier demos."""
        ready = self.place / "simulator.json"
        ready.unlink(missing_ok=True)
        options = ["--data", str(self.place / "simulator"), "--ready-file", str(ready), "--limits", "true"]
        options += ["--sftp-port", str(self._port_of_files())]
        argv = [sys.executable, "-m", "simulator", "--port", "0", "--with-parent", *options]
        self.supervisor.start("simulator", argv, log=self.place / "logs" / "simulator.log")
        serving.wait_for(self.supervisor, ready.exists, part="simulator")
        if not ready.exists():
            raise serving.NotServing("Stopped before the simulator was ready.")
        return Simulator(json.loads(ready.read_text(encoding="utf-8"))["url"])

    def _port_of_files(self) -> int:
        """Return a port that is kept from demo to demo: a server elsewhere would be another server."""
        kept = self.place / "sftp.port"
        port = int(kept.read_text(encoding="utf-8")) if kept.exists() else 0
        if not (port and serving.is_free(HOST, port)):
            port = free_port(SFTP_PORT)
            kept.write_text(str(port), encoding="utf-8")
        return port

    def _key(self) -> str:
        """Return the key of the simulated account, made on first use and handed to `apply` as a file."""
        path = self.place / "klaviyo.key"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(f"pk_{secrets.token_hex(17)}", encoding="utf-8")
        return path.read_text(encoding="utf-8")

    def _write_configuration(self, account: Account) -> None:
        """Put the example beside its keys, with where the simulator takes files in this run."""
        key = self.place / "sftp.key"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_text(ssh_keys.generate().openssh, encoding="utf-8")
        account.authorize(ssh_keys.read(key.read_text(encoding="utf-8"), None).public_line)
        door = account.sftp
        example = Template((ROOT / "examples" / "demo.yaml").read_text(encoding="utf-8"))
        written = example.substitute(
            sftp_host=door.host, sftp_port=door.port, sftp_user=door.user, sftp_host_key=door.host_key
        )
        (self.place / "demo.yaml").write_text(written, encoding="utf-8")

    def _prepare(self, account: Account, customers: int) -> None:
        """Make the shop; when its list is there already, let some time pass in the shop and in Klaviyo."""
        if not self.warehouse.exists():
            demo_warehouse.build(self.warehouse, customers=customers)
            self.say(f"A shop with {customers:,} made-up customers: {self.warehouse}")
        elif any(known["name"] == LIST and known["members"] for known in account.lists()):
            self._let_time_pass(account)

    def _let_time_pass(self, account: Account) -> None:
        changed = demo_warehouse.change(self.warehouse)
        members = account.members(LIST)
        stranger = f"stranger{changed.number}@example.com"
        leaver = next(address for address in demo_warehouse.loyal(self.warehouse) if address in members)
        account.add(LIST, stranger)
        account.unsubscribe(LIST, leaver)
        self.say("Since the last run:")
        self.say(f"  in the shop, {changed.new:,} people became customers,")
        self.say(f"  {changed.withdrew:,} withdrew their consent, and {changed.ordered:,} ordered again;")
        self.say(f"  in Klaviyo, by hand, {stranger} was put on the list, who is in no query,")
        self.say(f"  and {leaver} unsubscribed, who is still in the query.")

    def _round(self, env: dict[str, str]) -> int:
        """Run the product's own commands, the ones a person would type; return the exit code of the run."""
        for command in (["migrate", "--verbosity", "0"], ["apply", str(self.place / "demo.yaml")]):
            code = self._typed(command, env)
            if code == STOPPED:
                return code
            if code:
                raise serving.NotServing(f"{command[0]} ended with exit code {code}.")
        return self._typed(["run", ORCHESTRATION, "--wait"], env)

    def _checked(self, account: Account) -> int:
        """Hold every request of the run to Klaviyo's own OpenAPI document; return an exit code."""
        wrong = account.deviations()
        requests = account.stats()["requests"]
        for each in wrong:
            self.say(f"  not as Klaviyo's document says: {each['method']} {each['path']}: {each['problem']}")
        if not wrong:
            self.say(f"All {requests:,} requests were as Klaviyo's OpenAPI document says.")
        return 1 if wrong else 0

    def _typed(self, command: list[str], env: dict[str, str]) -> int:
        self.say(f"\n$ python3 run.py manage {shlex.join(command)}")
        return self._manage(command, env)

    def _manage(self, command: list[str], env: dict[str, str]) -> int:
        ended = self.supervisor.run("command", [sys.executable, ROOT / "manage.py", *command], env)
        if ended is None:
            return STOPPED
        if ended.name != "command":
            raise serving.NotServing(serving.told(ended))
        return ended.returncode

    def _serve(self, env: dict[str, str], port: int) -> None:
        """Serve the web app with its workers until Ctrl-C. Raises NotServing when a part ends by itself."""
        if self._manage(["collectstatic", "--noinput", "--verbosity", "0"], env):
            return
        logs = self.place / "logs"
        serving.start_worker(self.supervisor, env, processes=1, log=logs / "worker.log")
        serving.start_beat(self.supervisor, env, log=logs / "beat.log")
        serving.start_web(self.supervisor, env, host=HOST, port=port, log=logs / "web.log")
        if self.supervisor.asked_to_stop:
            return
        self.say(f"\nThe web app is at http://{HOST}:{port}/")
        self.say("Sign in there with one click on “Continue as the demo user”; there is no password.")
        self.say("Press Run now beside “Everyone” to see the same people go by SFTP, in a file.")
        self.say("Ctrl-C stops everything. Start the demo again to see what a second run does.")
        if ended := self.supervisor.wait():
            raise serving.NotServing(serving.told(ended))


def environment(place: Path, *, broker: str, klaviyo: str, port: int) -> dict[str, str]:
    """Return what makes each process of the demo an installation of its own, whatever this shell has set."""
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATA_DIR": str(place),
        "DATABASE_URL": f"sqlite:///{place / 'rollcall.sqlite3'}",
        "EMBEDDED_KEYS": "true",
        "SECRET_KEY": "",
        "CREDENTIALS_KEYS": "",
        "LOOKUP_KEY": "",
        "REDIS_URL": broker,
        "KLAVIYO_API_URL": klaviyo,
        "BASE_URL": f"http://{HOST}:{port}",
        "DEMO": "true",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
    }


def free_port(wanted: int) -> int:
    """Return the first free port from `wanted` on. Raises NotServing when there is none near."""
    for port in range(wanted, wanted + 100):
        if serving.is_free(HOST, port):
            return port
    raise serving.NotServing(f"No port from {wanted} to {wanted + 99} is free.")


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Hold the demo's folder. Raises NotServing when another demo does."""
    (place / "logs").mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise serving.NotServing(f"The demo is running already in {place}.") from error
        yield
