"""The controls of SFTP, under `/_control/sftp`."""

import base64
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from simulator.accounts import Account, Unknown
from simulator.clock import SECOND
from simulator.sftp import keys, uploads
from simulator.sftp.access import user_of
from simulator.sftp.faults import Fault
from simulator.world import World

Given = dict[str, Any]


def forget(world: World, account: Account | None) -> None:
    """Empty the SFTP of one account, or of all."""
    world.sftp.forget(account)
    where, values = ("", ()) if account is None else (" WHERE account = ?", (account.n,))
    with world.store.write() as db:
        for table in ("uploads", "sftp_dropped"):
            db.execute(f"DELETE FROM {table}{where}", values)  # noqa: S608 - fixed names


def clear_faults(world: World, account: Account | None) -> None:
    world.sftp.faults.clear(account_names=(account.key, account.id) if account else None)


def _tell(world: World, given: Given) -> Given:
    """Tell where to connect, and of an account its user, its keys and how its SFTP behaves."""
    sftp = world.sftp
    told = {
        "host": sftp.host,
        "port": sftp.port,
        "host_key": keys.shown(sftp.keys.own(sftp.host_key_types[0])),
        "host_keys": [keys.shown(sftp.keys.own(kind)) for kind in sftp.host_key_types],
    }
    account = _account(world, given)
    if account is None:
        return told
    return {
        **told,
        "user": user_of(account),
        "keys": sftp.access.fingerprints(account),
        "uploaded_bytes": sftp.received(account),
        "settings": asdict(sftp.access.behaviour(account)),
    }


def _host_key(world: World, given: Given) -> Given:
    """Present other types of host keys from now on, or tell the key another machine would present."""
    kinds = tuple(given["types"])
    shown = [keys.shown(world.sftp.keys.own(kind)) for kind in kinds]
    world.sftp.host_key_types = kinds
    return {"host_keys": shown, "other_host_keys": [keys.shown(world.sftp.keys.other(k)) for k in kinds]}


def _authorize(world: World, given: Given) -> Given:
    return {"fingerprint": world.sftp.access.authorize(world.accounts.named(given["account"]), given["key"])}


def _withdraw(world: World, given: Given) -> Given:
    world.sftp.access.withdraw(world.accounts.named(given["account"]), given.get("fingerprint"))
    return {}


def _settings(world: World, given: Given) -> Given:
    changes = dict(given)
    account = world.accounts.named(changes.pop("account"))
    if changes.keys() & {"drop_files", "drop_share", "drop"}:
        world.sftp.lossy_files.pop(account.n, None)
    return asdict(world.sftp.access.change(account, changes))


def _add_fault(world: World, given: Given) -> Given:
    named = dict(given)
    if "for_seconds" in named:
        named["expires"] = world.clock.now() + int(float(named.pop("for_seconds")) * SECOND)
    if "folder" in named:
        named["path"] = f"^/{named.pop('folder')}(/|$)"
    unknown = named.keys() - {field.name for field in fields(Fault)}
    if unknown:
        raise ValueError(f"an SFTP fault has no {', '.join(sorted(unknown))}")
    return {"id": world.sftp.faults.add(Fault(**{"id": 0, **named}))}


def _clear_faults(world: World, given: Given) -> Given:
    if "id" in given:
        world.sftp.faults.clear(fault_id=int(given["id"]))
    else:
        clear_faults(world, _account(world, given))
    return {}


def _log(world: World, given: Given) -> Given:
    """Return what happened on an account's connections, and its files where they were ended, in order."""
    account = world.accounts.named(given["account"])
    events = world.sftp.journal.events(account.id)
    files = [{"event": "file", "at": f["closed"] or f["opened"], **f} for f in _uploads(world, account)]
    return {"entries": sorted(events + files, key=lambda entry: entry["at"])}


def _connections(world: World, given: Given) -> Given:
    account = _account(world, given)
    return {"connections": world.sftp.journal.connections(account.id if account else None)}


def _files(world: World, given: Given) -> Given:
    return {"files": _uploads(world, world.accounts.named(given["account"]))}


def _file(world: World, given: Given) -> Given:
    account = world.accounts.named(given["account"])
    with world.store.read() as db:
        n = uploads.newest(db, account, given["name"])
    kept = world.sftp.folders(account).kept(n or 0)
    if n is None or not kept.exists():
        raise Unknown("no such file was uploaded")
    return {"base64": base64.b64encode(kept.read_bytes()).decode()}


def _dropped(world: World, given: Given) -> Given:
    with world.store.read() as db:
        return {"addresses": uploads.dropped(db, world.accounts.named(given["account"]))}


def _release(world: World, given: Given) -> Given:
    account = world.accounts.named(given["account"])
    with world.store.write() as db:
        released = uploads.release(db, account, world.clock.now())
    world.sftp.ring()
    return {"released": released}


def _uploads(world: World, account: Account) -> list[Given]:
    with world.store.read() as db:
        return uploads.of(db, account)


def _account(world: World, given: Given) -> Account | None:
    return world.accounts.named(given["account"]) if "account" in given else None


ACTIONS: dict[str, Callable[[World, Given], Any]] = {
    "GET /sftp": _tell,
    "POST /sftp/host_keys": _host_key,
    "POST /sftp/keys": _authorize,
    "DELETE /sftp/keys": _withdraw,
    "POST /sftp/settings": _settings,
    "POST /sftp/faults": _add_fault,
    "GET /sftp/faults": lambda world, given: {"faults": world.sftp.faults.all()},
    "DELETE /sftp/faults": _clear_faults,
    "GET /sftp/log": _log,
    "GET /sftp/connections": _connections,
    "GET /sftp/files": _files,
    "GET /sftp/file": _file,
    "GET /sftp/dropped": _dropped,
    "POST /sftp/release": _release,
}
