"""A long history of workflows, written by PostgreSQL itself: millions of rows in minutes."""

import time

ORCHESTRATIONS = 200
STEPS = 12
EVENTS = 8
DAYS = 60


def fill(workflows: int, *, attempts: int) -> None:
    """Make so many workflows over two months, each of twelve steps, and so many calls of all of them."""
    from django.db import connection

    _orchestrations()
    given = {
        "workflows": workflows,
        "days": DAYS,
        "calls": max(attempts // (workflows * STEPS), 1),
        "orchestrations": ORCHESTRATIONS,
    }
    for name, statement in _STATEMENTS.items():
        began = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute(statement, given)
        print(f"  {name:10} {time.monotonic() - began:6.1f} s", flush=True)
    for table in ("workflow", "step", "attempt", "event"):
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM ANALYZE workflows_{table}")


def _orchestrations() -> None:
    from audiences.models import Query, Source
    from credentials import vault
    from credentials.models import Credential
    from destinations.models import DataTemplate, Destination
    from workflows.models import Orchestration

    source = Source.objects.create(name="Shop", kind="files", settings={"path": "/nowhere"})
    columns = [{"name": "email", "type": "text", "meaning": "email", "pii": True}]
    query = Query.objects.create(
        name="Customers", source=source, sql="select email from people", state="active", columns=columns
    )
    destinations = []
    for number in range(5):
        credential = Credential(name=f"Shop {number}", kind="klaviyo_api_key", account_id=f"acc{number}")
        vault.save_secret(credential, "pk_" + f"{number:034d}")
        destinations.append(
            Destination.objects.create(
                name=f"Klaviyo {number}", plugin="klaviyo", credential=credential, account_id=f"acc{number}"
            )
        )
    for number in range(ORCHESTRATIONS):
        place = destinations[number % len(destinations)]
        template = DataTemplate.objects.create(
            destination=place, name=f"Template {number}", list_name=f"List {number:03d}"
        )
        name = f"{_WORDS[number % len(_WORDS)]}, {number:03d}"
        Orchestration.objects.create(name=name, query=query, template=template)


_WORDS = ("VIP win-back", "Cart abandoners", "Back in stock", "Newsletter", "Loyalty tiers", "Price drops")
_PLAN = (
    '{"adds": 1200, "removes": 30, "updates": 40, "unchanged": 8000, "kept_out": 5, "skipped": 0,'
    ' "surplus_left": 0, "rows": 9257, "candidates": 9245, "members": 8070, "path": "api",'
    ' "not_loaded": {"email_invalid": 12}, "hash": "a1b2c3d4", "calls": {"imports.create": 8},'
    ' "estimate_seconds": 31.0, "arithmetic": ["8 import jobs: 31 s"], "batches": [], "round": 0}'
)
_COUNTS = (
    '{"rows": 9257, "candidates": 9245, "added": 1197, "removed": 30, "updated": 40, "unchanged": 8000,'
    ' "kept_out": 5, "skipped": 0, "unknown": 0, "on_list": 9237, "not_loaded": {"email_invalid": 12},'
    ' "rejected": {"invalid_phone_number": 3}, "samples": {"email_invalid": ["a•••@e•••.org · 7F3A"]}}'
)
_CONFIG = (
    '{"query": {"id": "00000000-0000-4000-8000-000000000000", "name": "Customers", "version": 1},'
    ' "template": {"name": "Template", "list_name": "List", "full_profile": false, "mode": "mirror",'
    ' "mapping": []}, "destination": {"id": "00000000-0000-4000-8000-000000000000", "name": "Klaviyo",'
    ' "delivers": "list"}, "guards": {}}'
)
_REQUEST = (
    '{"method": "POST", "path": "/api/profile-bulk-import-jobs", "bytes": 160000,'
    ' "body": "{\\"data\\": {\\"type\\": \\"profile-bulk-import-job\\"}}"}'
)
_ANSWER = '{"status": 429, "headers": {"Retry-After": "3"}, "body": "{\\"errors\\": []}", "ids": []}'
_STATEMENTS = {
    # The newest of each of forty lists waits for a person, that of ten runs; all others are over.
    "workflows": f"""
        with ordered as (
            select n, row_number() over (order by n) as place,
                   (n %% %(orchestrations)s) as which, (n / %(orchestrations)s) + 1 as number
            from generate_series(0, %(workflows)s - 1) n
        ), standing as (
            select o.id, o.name, o.query_id, t.list_name, d.account_id, d.id as place,
                   row_number() over (order by o.name) - 1 as which
            from workflows_orchestration o
            join destinations_datatemplate t on t.id = o.template_id
            join destinations_destination d on d.id = t.destination_id
        ), told as (
            select n, which, number,
                   now() - (interval '1 day' * %(days)s) * (1 - n::float / %(workflows)s) as at,
                   case when n >= %(workflows)s - %(orchestrations)s and which < 40 then 'paused'
                        when n >= %(workflows)s - %(orchestrations)s and which < 50 then 'running'
                        when n %% 67 = 0 then 'failed'
                        when n %% 97 = 0 then 'cancelled'
                        when n %% 23 = 0 then 'succeeded_with_issues'
                        else 'succeeded' end as state
            from ordered
        )
        insert into workflows_workflow (
            id, orchestration_id, number, account_id, list_key, list_id, trigger, trigger_key, started_by,
            engine_version, config, instructions, dry_run, state, reason, code, message, error, round,
            cancel_requested, fence, owner, plan, plan_hash, removals_planned, counts, requests, throttled,
            row_version, created_at, started_at, finished_at, verified_at
        )
        select gen_random_uuid(), s.id, t.number, s.account_id, s.list_name, 'L' || s.which,
               (array['manual', 'api', 'command line', 'resolution'])[1 + t.n %% 4], 'bench:' || t.n,
               (array['ada', 'ben', 'carl', 'dora'])[1 + t.n %% 4], 1,
               jsonb_set(jsonb_set('{_CONFIG}'::jsonb, '{{destination,id}}', to_jsonb(s.place::text)),
                         '{{query,id}}', to_jsonb(s.query_id::text)), '{{}}'::jsonb, false,
               t.state, '', case when t.state = 'paused' then 'invalid_credentials' else '' end,
               case when t.state = 'paused' then 'Klaviyo rejected the key.' else '' end, '{{}}'::jsonb, 0,
               false, 1, '', '{_PLAN}'::jsonb, 'a1b2c3d4', 30,
               case when t.state like 'succ%%' then '{_COUNTS}'::jsonb else '{{}}'::jsonb end,
               '{{"imports.create": 8, "lists.members": 81}}'::jsonb, 0, 3, t.at, t.at,
               case when t.state in ('paused', 'running') then null
                    else t.at + interval '1 second' * (20 + (t.n * 7919) %% 900) end,
               case when t.state like 'succ%%' then t.at + interval '30 seconds' end
        from told t join standing s on s.which = t.which
    """,
    "steps": f"""
        insert into workflows_step (
            workflow_id, key, kind, stage, round, position, state, attempts, crashes, input, external_ref,
            progress, checkpoint, outcome, started_at, finished_at, throttled
        )
        select w.id,
               case when n = 0 then 'extract' when n = 1 then 'compare:r0'
                    else 'import:r0:' || lpad(n::text, 5, '0') end,
               case when n = 0 then 'extract' when n = 1 then 'compare' else 'import' end,
               case when n = 0 then 'query' when n = 1 then 'compare' else 'deliver' end,
               0, 10 * (n + 1),
               case when w.state in ('paused', 'running') and n > 7 then 'pending' else 'done' end, 1, 0,
               '{{"limit": 1000}}'::jsonb, '', '{{}}'::jsonb, '{{}}'::jsonb,
               '{{"rows": 1000, "seconds": 2.5}}'::jsonb, w.created_at, w.created_at + interval '2 seconds', 0
        from workflows_workflow w, generate_series(0, {STEPS} - 1) n
    """,
    "attempts": f"""
        insert into workflows_attempt (
            step_id, fence, worker, endpoint, items, intent_at, ended_at, outcome, http_status, code,
            error_ids, request, answer
        )
        select s.id, 1, 'worker', 'imports.create', 1000, s.started_at + interval '1 second' * s.position,
               s.started_at + interval '1 second' * (s.position + 1),
               case when n = 1 then 'ok' else 'retrylater' end, case when n = 1 then 202 else 429 end,
               case when n = 1 then '' else 'throttled' end, '[]'::jsonb,
               '{_REQUEST}'::jsonb,
               '{_ANSWER}'::jsonb
        from workflows_step s, generate_series(%(calls)s, 1, -1) n
    """,
    "events": f"""
        insert into workflows_event (workflow_id, seq, at, actor, kind, from_state, to_state, message, data)
        select w.id, n, w.created_at + interval '1 second' * n, 'worker', 'step', '', '', 'One more step.',
               '{{}}'::jsonb
        from workflows_workflow w, generate_series(1, {EVENTS}) n
    """,
}
