import time

import pytest

from tests.faults.codes.provoking import files, inside, keys, lists, plans, queries, servers, upstream
from workflows import resolutions

A = {
    "invalid_credentials": keys.revoked,
    "permission_missing": keys.without_a_scope,
    "blocked_at_edge": keys.blocked,
    "wrong_account": keys.of_another_account,
    "secret_unreadable": keys.sealed_elsewhere,
    "max_lists": lists.too_many,
    "daily_list_creations": lists.too_many_today,
    "list_ambiguous": lists.of_one_name,
    "list_gone": lists.gone,
    "list_shared": lists.shared,
    "column_missing": queries.without_its_column,
    "source_unavailable": queries.source_away,
    "query_refused": queries.refused,
    "query_failed": queries.failed,
    "query_timeout": queries.endless,
    "too_many_rows": queries.gives_too_much,
    "guard": plans.over_a_limit,
    "plan_ready": plans.rehearsed,
    "upstream_unavailable": upstream.away,
    "tls_untrusted": upstream.with_a_strange_certificate,
    "import_stuck": upstream.standing_still,
    "unexpected_answer": upstream.talking_nonsense,
    "revision_retired": upstream.retired,
    "unconfirmed": upstream.deaf_to_removals,
    "bug": inside.buggy,
    "worker_crashing": inside.killing_its_workers,
    "sums_do_not_close": inside.with_a_torn_file,
    "sftp_no_space": servers.full,
    "sftp_denied": servers.denied,
    "sftp_folder_missing": servers.without_a_folder,
    "host_key_changed": servers.another_host_key,
    "sftp_unavailable": servers.silent,
    "sftp_cut": servers.cut,
    "sftp_login_refused": servers.refusing_the_login,
    "sftp_moved": servers.moved,
    "host_key_unknown": servers.not_accepted,
    "sftp_not_possible": servers.without_a_key,
    "sftp_unconfirmed": servers.losing_people,
    "file_unconfirmed": files.fetched_at_once,
    "sftp_name_taken": files.names_taken,
}


@pytest.mark.parametrize("code", A)
def test_it(stage, code):
    t = time.time()
    w = A[code](stage)
    print(
        code, round(time.time() - t, 1), w.state, w.code, w.message, [r.name for r in resolutions.offered(w)]
    )
    if code in ("revision_retired",):
        pass
    assert w.code == code
