"""How gunicorn serves the web app; the address to bind to is given on the command line."""

from pathlib import Path

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
