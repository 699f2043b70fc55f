"""Speaks to a simulator with the standard library only, so that what is sent is what the test says."""

import http.client
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

MEDIA_TYPE = "application/vnd.api+json"


@dataclass(frozen=True)
class Told:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def errors(self) -> list[dict[str, Any]]:
        return self.document["errors"]


class Api:
    """Every call takes a connection of its own."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._place = urlsplit(url).netloc
        self._headers = {
            "authorization": f"Klaviyo-API-Key {key}",
            "revision": "2026-07-15",
            "accept": MEDIA_TYPE,
        }

    def get(self, path: str, **query: str) -> Told:
        """Send a GET; `_` in a name of `query` stands for brackets: `page_size` is `page[size]`."""
        return self.call("GET", path + question(query))

    def post(self, path: str, document: Any) -> Told:
        return self.call("POST", path, document)

    def call(
        self,
        method: str,
        path: str,
        document: Any = None,
        *,
        headers: dict[str, str | None] | None = None,
        timeout: float = 20.0,
    ) -> Told:
        sent = {**self._headers, **(headers or {})}
        body = None
        if document is not None:
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            sent = {"content-type": MEDIA_TYPE, **sent}
        connection = http.client.HTTPConnection(self._place, timeout=timeout)
        try:
            connection.request(method, path, body, {name: text for name, text in sent.items() if text})
            answer = connection.getresponse()
            told = {name.lower(): text for name, text in answer.getheaders()}
            return Told(answer.status, told, answer.read())
        finally:
            connection.close()

    def import_job(self, rows: Sequence[dict[str, Any]], list_id: str | None = None) -> Told:
        """Send a bulk import of rows of attributes."""
        return self.post("/api/profile-bulk-import-jobs", import_document(rows, list_id))

    def finished_job(self, rows: Sequence[dict[str, Any]], list_id: str | None = None) -> dict[str, Any]:
        """Import rows and return the job once it is complete."""
        told = self.import_job(rows, list_id)
        assert told.status == 202, told.body
        return self.completed(told.document["data"]["id"])

    def completed(self, job_id: str) -> dict[str, Any]:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            job = self.get(f"/api/profile-bulk-import-jobs/{job_id}").document["data"]
            if job["attributes"]["status"] == "complete":
                return job
        raise AssertionError("the job did not complete in 20 seconds")

    def pages(self, path: str, **query: str) -> list[list[dict[str, Any]]]:
        """Follow the links from the first page to the last and return the rows of each."""
        found = []
        told = self.get(path, **query)
        while True:
            found.append(told.document["data"])
            following = told.document["links"]["next"]
            if following is None:
                return found
            told = self.call("GET", following.removeprefix(self.url))


def question(query: dict[str, str]) -> str:
    names = {"page_size": "page[size]", "page_cursor": "page[cursor]"}
    names |= {f"fields_{kind}": f"fields[{kind}]" for kind in ("profile", "list", "account")}
    names |= {f"additional_{kind}": f"additional-fields[{kind}]" for kind in ("profile", "list", "segment")}
    parts = [f"{quote(names.get(name, name))}={quote(text)}" for name, text in query.items()]
    return "?" + "&".join(parts) if parts else ""


def import_document(rows: Sequence[dict[str, Any]], list_id: str | None = None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "type": "profile-bulk-import-job",
        "attributes": {"profiles": {"data": [{"type": "profile", "attributes": row} for row in rows]}},
    }
    if list_id:
        data["relationships"] = {"lists": {"data": [{"type": "list", "id": list_id}]}}
    return {"data": data}


def ids_document(ids: Sequence[str]) -> dict[str, Any]:
    return {"data": [{"type": "profile", "id": profile_id} for profile_id in ids]}


def list_document(name: str) -> dict[str, Any]:
    return {"data": {"type": "list", "attributes": {"name": name}}}
