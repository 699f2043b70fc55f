"""Starts a simulator and works its controls; what tests and the demo hold in their hands."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib import request
from urllib.error import HTTPError
from urllib.parse import urlencode

from simulator.control_sftp import SftpOfAccount, SftpOfSimulator

START_SECONDS = 20.0
STOP_SECONDS = 10.0
CALL_SECONDS = 300.0


class ControlError(Exception):
    """The simulator could not do what was asked; the message says why."""


class Simulator(SftpOfSimulator):
    """One running simulator. `Simulator.start(...)` runs one of its own, `Simulator(url)` joins another."""

    def __init__(self, url: str, *, process: subprocess.Popen[bytes] | None = None) -> None:
        self.url = url.rstrip("/")
        self.process = process

    @classmethod
    def start(
        cls,
        data: Path | None = None,
        *,
        limits: bool = False,
        seed: int | None = None,
        port: int = 0,
        sftp_port: int = 0,
        with_parent: bool = True,
    ) -> Self:
        """Run a simulator and return when it serves requests.

        `data` is where it keeps its memory; without it, a new directory under the temporary one. What
        it says on stderr is in `simulator.log` there. Raises ControlError when it does not come up.
        """
        place = data or Path(tempfile.mkdtemp(prefix="simulator-"))
        place.mkdir(parents=True, exist_ok=True)
        ready = place / "ready.json"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "simulator", "--port", str(port), "--sftp-port", str(sftp_port)]
        command += ["--data", str(place), "--ready-file", str(ready), "--limits", "true" if limits else "off"]
        command += ["--seed", str(seed)] if seed is not None else []
        command += ["--with-parent"] if with_parent else []
        with (place / "simulator.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=Path(__file__).parent.parent, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        return cls(_url_when_ready(process, ready), process=process)

    def stop(self) -> None:
        """End the simulator if it was started here; its memory stays."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def account(self, name: str = "Example Shop", *, key: str | None = None, **settings: Any) -> "Account":
        """Return a new account, or the one that has `key`, with these settings (see `accounts.Settings`)."""
        given = {"name": name, **settings, **({"key": key} if key else {})}
        return Account(self, self.call("POST", "/accounts", given))

    def accounts(self) -> list["Account"]:
        return [Account(self, shown) for shown in self.call("GET", "/accounts")["accounts"]]

    def reset(self) -> None:
        """Forget all accounts, faults and logs."""
        self.call("POST", "/reset")

    def fault(self, action: str = "status", **details: Any) -> int:
        """Let calls of any account go wrong; see `Account.fault`."""
        return self.call("POST", "/faults", {"action": action, **details})["id"]

    def clear_faults(self) -> None:
        self.call("DELETE", "/faults")

    def log(self) -> list[dict[str, Any]]:
        return self.call("GET", "/log")["entries"]

    def stats(self) -> dict[str, Any]:
        return self.call("GET", "/stats")

    def deviations(self) -> list[dict[str, Any]]:
        return self.call("GET", "/deviations")["deviations"]

    def call(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> Any:
        """Send one control request and return its JSON. Raises ControlError."""
        url, body = f"{self.url}/_control{path}", None
        if method == "GET" and given:
            url = f"{url}?{urlencode(given)}"
        elif given is not None:
            body = json.dumps(given).encode()
        asked = request.Request(url, data=body, method=method)  # noqa: S310 - the simulator's own address
        try:
            with _opener().open(asked, timeout=CALL_SECONDS) as answered:
                return json.loads(answered.read())
        except HTTPError as error:
            raise ControlError(error.read().decode(errors="replace")) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Account(SftpOfAccount):
    """One account of a simulator. A list is named by its id or its name wherever one is asked for."""

    def __init__(self, simulator: Simulator, shown: Mapping[str, Any]) -> None:
        self.simulator = simulator
        self.key: str = shown["key"]
        self.id: str = shown["id"]
        self.name: str = shown["name"]

    def change(self, **settings: Any) -> None:
        """Change `name` or any of `accounts.Settings`, e.g. `revoked=True` or `scopes=["lists:read"]`."""
        self._call("PATCH", "/accounts", **settings)

    def new_key(self, scopes: Sequence[str] | None = None) -> str:
        """Make another key for the account, beside those it has; `revoked` and `scopes` are not about it."""
        return self._call("POST", "/keys", scopes=scopes)["key"]

    def reset(self) -> None:
        """Empty the account: lists, profiles, jobs, faults, log, and all of its SFTP, keys included."""
        self._call("POST", "/reset")

    # Lists

    def list_named(self, name: str) -> str:
        """Return the id of the oldest list of that name, made now if there is none."""
        for shown in self.lists():
            if shown["name"] == name:
                return shown["id"]
        return self.create_list(name)

    def create_list(self, name: str, *, opt_in_process: str | None = None) -> str:
        """Make a list, even beside one of the same name, and return its id."""
        return self._call("POST", "/lists", name=name, opt_in_process=opt_in_process)["id"]

    def lists(self) -> list[dict[str, Any]]:
        """Return id, name, opt_in_process and members (a number) of every list."""
        return self._call("GET", "/lists")["lists"]

    def rename_list(self, list_: str, name: str) -> None:
        self._call("PATCH", "/lists", list=list_, name=name)

    def list_changed(self, list_: str, updated: str) -> None:
        """Let a list have been changed last at a moment, written as in ISO 8601."""
        self._call("PATCH", "/lists", list=list_, updated=updated)

    def delete_list(self, list_: str) -> None:
        self._call("DELETE", "/lists", list=list_)

    def fill_lists(self, total: int) -> int:
        """Make empty lists until lists and segments number `total`; return how many were made."""
        return self._call("POST", "/lists/fill", total=total)["created"]

    # Members

    def add(self, list_: str, *emails: str, profiles: Sequence[Mapping[str, Any]] = ()) -> list[str]:
        """Put people on a list by hand and return their profile ids; `profiles` are attributes."""
        given = {"list": list_, "emails": emails, "profiles": profiles}
        return self._call("POST", "/members", **given)["ids"]

    def remove(self, list_: str, *emails: str) -> None:
        self._call("DELETE", "/members", list=list_, emails=emails)

    def members(self, list_: str) -> set[str]:
        """Return the addresses on a list."""
        return set(self._call("GET", "/members", list=list_)["emails"])

    def unsubscribe(self, list_: str | None, email: str, *, leaves: bool | None = None) -> None:
        """Let a person unsubscribe from a list (and leave it), or with None from everything (and stay)."""
        self._call("POST", "/unsubscribe", list=list_, email=email, leaves=leaves)

    def seed(
        self, list_: str, count: int, *, email: str = "person{n}@example.org", first: int = 1, **more: Any
    ) -> str:
        """Fill a list, made if need be, with `count` new people; return its id.

        `more`: `over_days`, `until` (ISO time), `short_ids`.
        """
        given = {"list": list_, "count": count, "email": email, "first": first, **more}
        return self._call("POST", "/seed", **given)["list"]

    def ingest(self, rows: Sequence[Mapping[str, Any]], list_: str | None = None) -> dict[str, int]:
        """Take rows of attributes in by another way than the API; return `taken` and `failed`."""
        return self._call("POST", "/ingest", rows=rows, list=list_)

    def profile(self, email: str) -> dict[str, Any]:
        """Return id, identifiers, attributes, lists {id: name}, consent and suppressions of a person."""
        return self._call("GET", "/profile", email=email)

    def counts(self) -> dict[str, int]:
        """Return how many lists, segments, profiles, jobs, flows, unfinished_jobs and unfinished_ingests
        there are."""
        return self._call("GET", "/counts")

    # Segments and flows

    def segments(self, name: str, count: int = 1, *, profile_count: int = 0) -> None:
        """Make segments, past the cap if need be."""
        self._call("POST", "/segments", name=name, count=count, profile_count=profile_count)

    def all_segments(self) -> list[dict[str, Any]]:
        """Return id, name and profile_count of every segment."""
        return self._call("GET", "/segments")["segments"]

    def segment_flow(self, segment: str, name: str, status: str = "live") -> str:
        """Make a flow that begins when someone comes into a segment, named by its id or name."""
        return self._call("POST", "/segments/flows", segment=segment, name=name, status=status)["id"]

    def flow(self, list_: str, name: str, status: str = "live") -> str:
        """Make or change a flow that begins when someone joins the list: draft, manual or live."""
        return self._call("POST", "/flows", list=list_, name=name, status=status)["id"]

    def flows(self) -> list[dict[str, Any]]:
        """Return id, name, status, list and starts (people it began for) of every flow."""
        return self._call("GET", "/flows")["flows"]

    # Behaviour

    def import_settings(self, **settings: Any) -> None:
        """Set `lag_seconds`, `rows_per_second`, `settle_seconds`, `fail` (patterns) or `pointers`."""
        self._call("POST", "/import_settings", **settings)

    def release_jobs(self) -> int:
        """Let unfinished import jobs go on at once, e.g. past their lag; return how many there were."""
        return self._call("POST", "/jobs/release")["released"]

    def limits(self, on: bool) -> None:
        """Switch the rate limits of this account on or off."""
        self._call("POST", "/limits", on=on)

    def quota(self, endpoint: str, **quotas: int) -> None:
        """Give an endpoint such as `POST /api/lists` another `burst`, `steady` or `daily` quota."""
        self._call("POST", "/limits", endpoint=endpoint, **quotas)

    def spend(self, endpoint: str, count: int = 1) -> None:
        """Use up quota as another program on the same account would."""
        self._call("POST", "/limits/spend", endpoint=endpoint, count=count)

    def fault(self, action: str = "status", **details: Any) -> int:
        """Let calls go wrong and return the fault's number.

        `action`: one of `faults.ACTIONS`. `details`: `method`, `path` (a regular expression searched in
        the path and in the operation, e.g. `GET /api/lists/{id}`), `status`, `body` ("json", "html", or
        what to send), `code`, `detail`, `headers`, `seconds`, `times`, `skip`, `probability`, `seed`,
        `for_seconds`.
        """
        return self._call("POST", "/faults", action=action, **details)["id"]

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults of this account with how often each was `seen` and `acted`."""
        every = self.simulator.call("GET", "/faults")["faults"]
        return [fault for fault in every if fault["account"] in (self.key, self.id)]

    def clear_faults(self) -> None:
        """Let everything go right again, over HTTP and SFTP."""
        self._call("DELETE", "/faults")

    # What happened

    def log(self, *, operation: str | None = None) -> list[dict[str, Any]]:
        """Return every API request, or those of one operation such as `POST /api/lists`."""
        entries = self._call("GET", "/log")["entries"]
        return [entry for entry in entries if operation in (None, entry["operation"])]

    def writes(self) -> list[dict[str, Any]]:
        """Return the requests that changed something, answered or not."""
        return [entry for entry in self.log() if entry["applied"]]

    def keep_bodies(self, keep: bool = True) -> None:
        """Keep the bodies of requests in the log from now on."""
        self._call("POST", "/log/bodies", keep=keep)

    def forget_log(self) -> None:
        """Empty the log, the statistics and the deviations."""
        self._call("DELETE", "/log")

    def stats(self) -> dict[str, Any]:
        """Return requests, calls, statuses, items, throttled and writes."""
        return self._call("GET", "/stats")

    def deviations(self) -> list[dict[str, Any]]:
        """Return the requests that Klaviyo's document does not allow, save the expected ones."""
        return self._call("GET", "/deviations")["deviations"]

    def expect_deviations(self, expected: bool = True) -> None:
        """Say that wrong requests are sent on purpose from now on, or no longer."""
        self._call("POST", "/deviations", expected=expected)

    def _call(self, method: str, path: str, /, **given: Any) -> Any:
        return self.simulator.call(method, path, {"account": self.key, **given})


def _url_when_ready(process: subprocess.Popen[bytes], ready: Path) -> str:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if ready.exists():
            return json.loads(ready.read_text(encoding="utf-8"))["url"]
        if process.poll() is not None:
            break
        time.sleep(0.02)
    if process.poll() is None:
        process.kill()
        process.wait()
    raise ControlError(f"the simulator did not start; see {os.fspath(ready.with_name('simulator.log'))}")


def _opener() -> request.OpenerDirector:
    """Return an opener that goes straight to the simulator, whatever proxies are configured."""
    return request.build_opener(request.ProxyHandler({}))
