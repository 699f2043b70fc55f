"""Answers what an account is: the way to check that a key opens the right one."""

from typing import Any

from simulator import paging
from simulator.wire import Answer, ok
from simulator.world import Call

ADDRESS = ("address1", "address2", "city", "region", "country", "zip")


def accounts(call: Call) -> Answer:
    """Answer `GET /api/accounts`; a private key opens exactly one."""
    data = [_account(call)]
    return ok({"data": data, "links": paging.links(call.request, None)}, items=1)


def _account(call: Call) -> dict[str, Any]:
    account = call.account
    attributes = {
        "test_account": True,
        "contact_information": {
            "default_sender_name": account.name,
            "default_sender_email": account.settings.sender,
            "website_url": "https://www.example.com",
            "organization_name": account.name,
            "street_address": dict.fromkeys(ADDRESS),
        },
        "industry": None,
        "timezone": account.settings.timezone,
        "preferred_currency": account.settings.currency,
        "public_api_key": account.id,
        "locale": "en-GB",
    }
    wanted = {name.split(".")[0] for name in call.request.listed("fields[account]")}
    return {
        "type": "account",
        "id": account.id,
        "attributes": {name: value for name, value in attributes.items() if not wanted or name in wanted},
        "links": {"self": f"{call.api}/accounts/{account.id}"},
    }
