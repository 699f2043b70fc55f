"""Places that notices are sent to: a webhook on a real socket, and one that never ends its answer."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Webhook:
    """What came in, in order; `status` is what it answers, and `heard` is called before it does."""

    server: ThreadingHTTPServer
    status: int = 200
    heard: Callable[[str], None] = lambda message: None
    drips: bool = False
    posts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server.server_address[1]}/hook"

    @property
    def ids(self) -> list[str]:
        return [post["id"] for post in self.posts]


@contextmanager
def webhook() -> Iterator[Webhook]:
    made: list[Webhook] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook = made[0]
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert body["id"] == self.headers["X-Rollcall-Message"]
            hook.posts.append(body)
            hook.heard(body["id"])
            self.send_response(hook.status)
            self.send_header("Content-Length", "1000" if hook.drips else "0")
            self.end_headers()
            while hook.drips:
                self.wfile.write(b".")
                self.wfile.flush()
                time.sleep(0.05)

        def log_message(self, format: str, *args: object) -> None:
            """A test's output is for what failed."""

        def handle(self) -> None:
            try:
                super().handle()
            except (BrokenPipeError, ConnectionResetError):
                # Whoever sent this was killed, which is what some tests are about.
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    made.append(Webhook(server))
    try:
        yield made[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
