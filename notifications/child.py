"""Send one message in a process of its own, which is ended when its time is up.

What is sent, and where, comes in by stdin; what goes out is one code, for any other text may hold an address.
"""

import json
import logging
import signal
import sys
from typing import Any

from notifications.faults import Fault


def main() -> None:
    job = json.load(sys.stdin)
    # Who started this may have been killed: then nobody else ends it.
    signal.setitimer(signal.ITIMER_REAL, job["seconds"])
    logging.disable(logging.CRITICAL)
    json.dump({"code": _code(job)}, sys.stdout)


def _code(job: dict[str, Any]) -> str:
    try:
        return _ACTIONS[job["action"]](job)
    except Exception:
        # Any text of a library may hold an address or a key, so nothing of it leaves here.
        return Fault.FAILED


def _check(job: dict[str, Any]) -> str:
    return Fault.NONE if _service(job["url"]) else Fault.UNKNOWN_SERVICE


def _chat(job: dict[str, Any]) -> str:
    service = _service(job["url"])
    if service is None:
        return Fault.UNKNOWN_SERVICE
    body = job["body"]
    if hasattr(service, "headers") and hasattr(service, "payload_extras"):
        service.headers["X-Rollcall-Message"] = job["id"]
        service.payload_extras["id"] = job["id"]
    else:
        body = f"{body}\n\nMessage {job['id']}"
    return Fault.NONE if service.notify(title=job["title"], body=body) else Fault.NOT_TAKEN


def _service(url: str) -> Any:
    import apprise

    asset = apprise.AppriseAsset(
        app_id="Rollcall", app_desc="Rollcall", app_url="", secure_logging=True, async_mode=False
    )
    service = apprise.Apprise.instantiate(url, asset=asset)
    if service is not None:
        # What a URL asks for may not weaken these.
        service.verify_certificate = True
        service.redirects = False
    return service


def _mail(job: dict[str, Any]) -> str:
    from smtplib import SMTPException

    from django.conf import settings
    from django.core.mail import EmailMessage, get_connection

    settings.configure(**job["settings"])
    only = job["recipients"] if len(job["recipients"]) == 1 else []
    message = EmailMessage(
        subject=job["title"],
        body=job["body"],
        from_email=job["settings"]["DEFAULT_FROM_EMAIL"],
        # Several are not told of each other, and one dialogue with the server takes all of them or none.
        to=only,
        bcc=[] if only else job["recipients"],
        headers={
            "To": ", ".join(only) or "undisclosed-recipients:;",
            "Message-ID": f"<{job['id']}@rollcall>",
            "X-Rollcall-Message": job["id"],
        },
        connection=get_connection(),
    )
    try:
        message.send()
    except SMTPException:
        return Fault.NOT_TAKEN
    except OSError:
        return Fault.UNREACHABLE
    return Fault.NONE


_ACTIONS = {"check": _check, "chat": _chat, "mail": _mail}

if __name__ == "__main__":
    main()
