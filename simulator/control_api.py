"""The controls, under `/_control/`: how tests and the demo set the stage and look behind it."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from simulator import limits, outside, outside_groups
from simulator.accounts import Account, Unknown
from simulator.clock import SECOND
from simulator.faults import Fault
from simulator.sftp import controls as sftp
from simulator.spec import Operation
from simulator.wire import Answer, Refusal, Request
from simulator.world import World

Given = dict[str, Any]
BEHAVIOUR = ("lag_seconds", "rows_per_second", "settle_seconds", "fail", "pointers")


def answer(world: World, request: Request) -> Answer:
    """Answer one control request: 200 with JSON, 400 with `{"error": …}` for one that cannot be done."""
    action = ACTIONS.get(f"{request.method} {request.path.removeprefix('/_control')}")
    if action is None:
        return _json(404, {"error": f"there is no control {request.method} {request.path}"})
    try:
        given = {**dict(request.query), **(json.loads(request.body) if request.body else {})}
        return _json(200, action(world, given))
    except Refusal as refusal:
        return refusal.answer()
    except (Unknown, ValueError, TypeError, KeyError, re.error) as error:
        return _json(400, {"error": f"{type(error).__name__}: {error}"})


def _json(status: int, document: Any) -> Answer:
    return Answer(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


def _by_hand(action: Callable[..., Any]) -> Callable[[World, Given], Any]:
    """Make a control of something done in one account; what is given are its named arguments."""

    def act(world: World, given: Given) -> Any:
        named = dict(given)
        account = world.accounts.named(named.pop("account"))
        return action(world, account, **named)

    return act


def _health(world: World, given: Given) -> Given:
    return {"ok": True, "limits": world.limited}


def _create_account(world: World, given: Given) -> Given:
    changes = dict(given)
    name, key, account_id = changes.pop("name"), changes.pop("key", None), changes.pop("id", None)
    return _shown(world.accounts.create(name, key=key, account_id=account_id, changes=changes))


def _change_account(world: World, given: Given) -> Given:
    changes = dict(given)
    account = world.accounts.named(changes.pop("account"))
    name = changes.pop("name", None)
    return _shown(world.accounts.change(account, changes, name=name))


def _add_key(world: World, given: Given) -> Given:
    return {"key": world.accounts.add_key(world.accounts.named(given["account"]), given.get("scopes"))}


def _all_accounts(world: World, given: Given) -> Given:
    return {"accounts": [_shown(account) for account in world.accounts.all()]}


def _shown(account: Account) -> Given:
    return {"id": account.id, "key": account.key, "name": account.name, "settings": asdict(account.settings)}


def _reset(world: World, given: Given) -> Given:
    account = _account(world, given)
    sftp.forget(world, account)
    outside.forget_data(world, account)
    world.limits.forget(account.n if account else None)
    world.journal.forget(account.id if account else None)
    world.faults.clear(account_names=(account.key, account.id) if account else None)
    return {}


def _import_settings(world: World, given: Given) -> Given:
    changes = dict(given)
    account = world.accounts.named(changes.pop("account"))
    unknown = changes.keys() - set(BEHAVIOUR)
    if unknown:
        raise ValueError(f"no such setting of imports: {', '.join(sorted(unknown))}")
    for pattern in changes.get("fail") or ():
        re.compile(pattern)
    return _shown(world.accounts.change(account, changes))["settings"]


def _set_limits(world: World, given: Given) -> Given:
    """Switch limits, or give an endpoint other quotas: `{endpoint, burst?, steady?, daily?}`."""
    account = world.accounts.named(given["account"])
    changes: Given = {"limits": given["on"]} if "on" in given else {}
    if "endpoint" in given:
        name = given["endpoint"]
        limits.windows_of(_operation(world, name), name, {})
        quotas = {window: given[window] for window in ("burst", "steady", "daily") if window in given}
        changes["windows"] = {**account.settings.windows, name: quotas}
    return _shown(world.accounts.change(account, changes))["settings"]


def _operation(world: World, bucket: str) -> Operation:
    return world.spec.operations[bucket.split("?")[0]]


def _spend(world: World, given: Given) -> Given:
    """Use up quota of an endpoint, as another program with a key of the same account would."""
    account = world.accounts.named(given["account"])
    name = given["endpoint"]
    windows = limits.windows_of(_operation(world, name), name, account.settings.windows)
    world.limits.take(account.n, name, windows, world.clock.now(), int(given.get("count", 1)))
    return {}


def _add_fault(world: World, given: Given) -> Given:
    """Take a fault with its conditions either under `match` or beside the rest."""
    named = {**given.pop("match", {}), **given} if "match" in given else dict(given)
    if "endpoint" in named:
        named["path"] = named.pop("endpoint")
    expires = None
    if named.get("for_seconds") is not None:
        expires = world.clock.now() + int(float(named["for_seconds"]) * SECOND)
    named.pop("for_seconds", None)
    unknown = named.keys() - {field.name for field in fields(Fault)}
    if unknown:
        raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
    return {"id": world.faults.add(Fault(**{"id": 0, "expires": expires, **named}))}


def _clear_faults(world: World, given: Given) -> Given:
    account = _account(world, given)
    names = (account.key, account.id) if account else None
    world.faults.clear(account_names=names, fault_id=int(given["id"]) if "id" in given else None)
    if "id" not in given:
        sftp.clear_faults(world, account)
    return {}


def _log(world: World, given: Given) -> Given:
    account = _account(world, given)
    return {"entries": world.journal.entries(account.id if account else None)}


def _keep_bodies(world: World, given: Given) -> Given:
    world.journal.keep_bodies(world.accounts.named(given["account"]).id, bool(given.get("keep", True)))
    return {}


def _forget_log(world: World, given: Given) -> Given:
    account = _account(world, given)
    world.journal.forget(account.id if account else None)
    return {}


def _stats(world: World, given: Given) -> Given:
    account = _account(world, given)
    return world.journal.stats(account.id if account else None)


def _deviations(world: World, given: Given) -> Given:
    account = _account(world, given)
    expected_too = given.get("all") in ("1", "true", True)
    found = world.journal.deviations(account.id if account else None, expected_too=expected_too)
    return {"deviations": found}


def _expect_deviations(world: World, given: Given) -> Given:
    account = world.accounts.named(given["account"])
    world.journal.expect_deviations(account.id, bool(given.get("expected", True)))
    return {}


def _account(world: World, given: Given) -> Account | None:
    return world.accounts.named(given["account"]) if "account" in given else None


def _seed(world: World, given: Given) -> Given:
    return _by_hand(outside.seed)(world, {**given, "count": int(given["count"])})


ACTIONS: dict[str, Callable[[World, Given], Any]] = {
    "GET /health": _health,
    "POST /accounts": _create_account,
    "PATCH /accounts": _change_account,
    "GET /accounts": _all_accounts,
    "POST /keys": _add_key,
    "POST /reset": _reset,
    "POST /import_settings": _import_settings,
    "POST /limits": _set_limits,
    "POST /limits/spend": _spend,
    "POST /faults": _add_fault,
    "GET /faults": lambda world, given: {"faults": world.faults.all()},
    "DELETE /faults": _clear_faults,
    "GET /log": _log,
    "POST /log/bodies": _keep_bodies,
    "DELETE /log": _forget_log,
    "GET /stats": _stats,
    "GET /deviations": _deviations,
    "POST /deviations": _expect_deviations,
    "GET /lists": _by_hand(outside_groups.all_lists),
    "POST /lists": _by_hand(outside_groups.new_list),
    "PATCH /lists": _by_hand(outside_groups.change_list),
    "DELETE /lists": _by_hand(outside_groups.drop_list),
    "POST /lists/fill": _by_hand(outside_groups.fill_lists),
    "GET /members": _by_hand(outside.members),
    "POST /members": _by_hand(outside.add_members),
    "DELETE /members": _by_hand(outside.remove_members),
    "POST /unsubscribe": _by_hand(outside.unsubscribe),
    "POST /seed": _seed,
    "POST /jobs/release": _by_hand(outside.release_jobs),
    "POST /ingest": _by_hand(outside.ingest),
    "POST /segments": _by_hand(outside_groups.new_segments),
    "GET /segments": _by_hand(outside_groups.all_segments),
    "POST /segments/flows": _by_hand(outside_groups.set_segment_flow),
    "POST /flows": _by_hand(outside_groups.set_flow),
    "GET /flows": _by_hand(outside_groups.flows),
    "GET /profile": _by_hand(outside.profile),
    "GET /counts": _by_hand(outside.counts),
    **sftp.ACTIONS,
}
