"""Starts the simulator: `python -m simulator --port 0 --data DIR --ready-file F`."""

import argparse
import json
import os
import signal
import threading
from pathlib import Path

from simulator import spec
from simulator.accounts import Accounts
from simulator.clock import Clock, Stamps
from simulator.faults import Faults
from simulator.ids import Ids
from simulator.importer import Importer
from simulator.journal import Journal
from simulator.limits import Limits
from simulator.server import Server
from simulator.sftp import keys
from simulator.sftp.ingest import Ingester
from simulator.sftp.listener import Listener
from simulator.sftp.service import Sftp
from simulator.store import Store
from simulator.world import World

WATCH_SECONDS = 0.5


def main() -> None:
    options = _options()
    parent = os.getppid()
    world = build(options.data, limited=options.limits == "true", seed=options.seed)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: world.stopping.set())
    server, ingester = Server((options.host, options.port), world), Ingester()
    listener = Listener((options.host, options.sftp_port), world)
    world.importer.start(world)
    ingester.start(world)
    for each in (server, listener):
        threading.Thread(target=each.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    if options.ready_file:
        _say_ready(options.ready_file, f"http://{options.host}:{server.server_address[1]}", world.sftp)
    while not world.stopping.wait(WATCH_SECONDS):
        if options.with_parent and os.getppid() != parent:
            world.stopping.set()
    listener.shutdown()
    server.shutdown()
    world.importer.stop()
    ingester.stop(world)
    listener.server_close()
    server.server_close()


def build(data: Path, *, limited: bool, seed: int | None) -> World:
    """Return a world whose memory is in the directory `data`."""
    data.mkdir(parents=True, exist_ok=True)
    store, clock, ids = Store(data / "klaviyo.sqlite3"), Clock(), Ids(seed)
    return World(
        store=store,
        accounts=Accounts(store, ids),
        clock=clock,
        stamps=Stamps(clock),
        ids=ids,
        spec=spec.load(),
        limits=Limits(),
        faults=Faults(),
        journal=Journal(),
        importer=Importer(),
        sftp=Sftp(data / "sftp", store, clock),
        limited=limited,
        stopping=threading.Event(),
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulator", description="Klaviyo in a box.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--sftp-port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--data", type=Path, required=True, help="directory of its memory")
    parser.add_argument(
        "--ready-file", type=Path, help="gets the url, the pid and where SFTP is once requests are served"
    )
    parser.add_argument("--limits", choices=("true", "off"), default="true", help="the published rate limits")
    parser.add_argument("--seed", type=int, help="makes identifiers the same in every run")
    parser.add_argument("--with-parent", action="store_true", help="end when the parent process ends")
    return parser.parse_args()


def _say_ready(path: Path, url: str, sftp: Sftp) -> None:
    """Write the file whole, so that whoever waits for it never reads half."""
    unfinished = path.with_name(f"{path.name}.part")
    host_key = keys.shown(sftp.keys.own(sftp.host_key_types[0]))
    door = {"host": sftp.host, "port": sftp.port, "host_key": host_key}
    unfinished.write_text(json.dumps({"url": url, "pid": os.getpid(), "sftp": door}), encoding="utf-8")
    unfinished.replace(path)


if __name__ == "__main__":
    main()
