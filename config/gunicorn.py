"""How gunicorn serves the web app; the address to bind to is given on the command line."""

import os
from pathlib import Path
from typing import Any

worker_class = "gthread"
workers = 2
threads = 8
timeout = 60
graceful_timeout = 10
max_requests = 2000
max_requests_jitter = 200
# Workers show they are alive by touching a file: in memory where there is such a place; a disk can stall.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes the names
# No access log: addresses of pages can hold what somebody searched for.
accesslog = None
errorlog = "-"
loglevel = "warning"


def on_starting(_server: Any) -> None:
    """Refuse to serve without the keys. Asked once: a worker that is renewed later cannot end the server."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.core.exceptions import ImproperlyConfigured
    from django.db import connections

    django.setup()
    from credentials.checks import require_keys

    try:
        require_keys()
    except ImproperlyConfigured as problem:
        raise SystemExit(str(problem)) from problem
    finally:
        connections.close_all()
