"""The way of an API request: who asks, may they, is it as documented, is there quota, what is the answer."""

from collections.abc import Callable

from simulator import about, consent, groups, jobs, limits, members, profiles, validation
from simulator.accounts import Account
from simulator.spec import Route
from simulator.wire import Answer, Problem, Refusal, Request
from simulator.world import Call, World

JOB = "/api/profile-bulk-import-jobs/{id}"

HANDLERS: dict[str, Callable[[Call], Answer]] = {
    "GET /api/accounts": about.accounts,
    "GET /api/lists": groups.index,
    "POST /api/lists": groups.create,
    "GET /api/lists/{id}": groups.show_one,
    "PATCH /api/lists/{id}": groups.rename,
    "DELETE /api/lists/{id}": groups.delete,
    "GET /api/lists/{id}/profiles": members.read,
    "GET /api/lists/{id}/relationships/profiles": members.read_ids,
    "POST /api/lists/{id}/relationships/profiles": members.add,
    "DELETE /api/lists/{id}/relationships/profiles": members.remove,
    "GET /api/lists/{id}/flow-triggers": groups.flow_triggers,
    "GET /api/segments": groups.index,
    "GET /api/segments/{id}": groups.show_one,
    "DELETE /api/segments/{id}": groups.delete,
    "GET /api/segments/{id}/flow-triggers": groups.flow_triggers,
    "GET /api/profiles": profiles.index,
    "POST /api/profiles": profiles.create,
    "GET /api/profiles/{id}": profiles.show_one,
    "PATCH /api/profiles/{id}": profiles.update,
    "POST /api/profile-import": profiles.create_or_update,
    "GET /api/profile-bulk-import-jobs": jobs.index,
    "POST /api/profile-bulk-import-jobs": jobs.create,
    "GET /api/profile-bulk-import-jobs/{job_id}": jobs.show_one,
    f"GET {JOB}/import-errors": jobs.errors,
    f"GET {JOB}/profiles": jobs.profiles,
    f"GET {JOB}/relationships/profiles": jobs.profiles,
    f"GET {JOB}/lists": jobs.lists,
    f"GET {JOB}/relationships/lists": jobs.lists,
    "POST /api/profile-subscription-bulk-create-jobs": consent.subscribe,
    "POST /api/profile-subscription-bulk-delete-jobs": consent.unsubscribe,
}
SCHEME = "Klaviyo-API-Key "


def account_of(world: World, request: Request) -> Account | None:
    """Return whose key the request carries, whether or not it still opens anything."""
    return world.accounts.with_key(_key(request))


def answer(world: World, request: Request, account: Account | None, route: Route | None) -> Answer:
    """Answer one API request; a refusal is an answer too."""
    allowance = None
    try:
        known = _authenticated(request, account)
        found = _known_route(world, request, known, route)
        allowance = _take_quota(world, request, known, found)
        _check_scopes(known, found)
        sent = _checked(world, request, known, found)
        call = Call(world, request, known, found.operation, found.params, sent.body, sent.conditions)
        given = HANDLERS[found.operation.name](call)
    except Refusal as refusal:
        given = refusal.answer()
    return limits.with_headers(given, allowance)


def _key(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix(SCHEME).strip()


def _authenticated(request: Request, account: Account | None) -> Account:
    if not request.headers.get("authorization", "").startswith(SCHEME):
        detail = "Missing or invalid authorization scheme. Please use Klaviyo-API-Key."
        raise _unknown_caller("not_authenticated", detail)
    if account is None:
        raise _unknown_caller("not_authenticated", "Missing or invalid private key.")
    if account.settings.revoked:
        raise _unknown_caller("authentication_failed", "Incorrect authentication credentials.")
    return account


def _unknown_caller(code: str, detail: str) -> Refusal:
    title = "Authentication credentials were not provided."
    if code == "authentication_failed":
        title = "Incorrect authentication credentials."
    return Refusal(401, Problem(detail, {"pointer": "/data/"}, code, title))


def _known_route(world: World, request: Request, account: Account, route: Route | None) -> Route:
    if route is not None:
        return route
    world.journal.deviate(
        world.clock.now() / 1e6, account.id, request.method, request.path, "no such endpoint", "path"
    )
    if world.spec.knows_path(request.path):
        detail = f'Method "{request.method}" not allowed.'
        raise Refusal(405, Problem(detail, {"pointer": "/data"}, "method_not_allowed", "Method not allowed."))
    detail = "The path was not found."
    raise Refusal(404, Problem(detail, {"pointer": "/"}, "not_found", "Not found."))


def _take_quota(world: World, request: Request, account: Account, route: Route) -> limits.Allowance | None:
    limited = world.limited if account.settings.limits is None else account.settings.limits
    if not limited:
        return None
    bucket, windows = limits.bucket(route.operation, request, account.settings.windows)
    return world.limits.take(account.n, bucket, windows, world.clock.now())


def _check_scopes(account: Account, route: Route) -> None:
    """The words Klaviyo uses for a missing scope are not published; these are a guess."""
    if account.settings.scopes is None:
        return
    missing = sorted(route.operation.scopes - set(account.settings.scopes))
    if missing:
        detail = f"The API key does not have the required scopes: {', '.join(missing)}."
        title = "You do not have permission to perform this action."
        raise Refusal(403, Problem(detail, {"pointer": "/data/"}, "permission_denied", title))


def _checked(world: World, request: Request, account: Account, route: Route) -> validation.Checked:
    def deviate(problem: str, where: str) -> None:
        at = world.clock.now() / 1e6
        world.journal.deviate(at, account.id, request.method, request.path, problem, where)

    return validation.check(request, route.operation, deviate)
