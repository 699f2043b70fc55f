"""The doors of this room: queries and sources are looked at, previewed, tested and activated here."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import activity
from audiences import queries, showing, sources
from audiences.errors import SourceError
from audiences.models import Source
from credentials.vault import VaultError

SEE_PEOPLE = "audiences.view_people"


@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    facts = {"queries": showing.all_queries(), "sources": showing.facts_of(showing.all_sources())}
    return render(request, "audiences/queries.html", facts)


@require_GET
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    query = get_object_or_404(showing.all_queries(), pk=pk)
    return render(request, "audiences/query.html", {"query": query})


@permission_required("audiences.view_query", raise_exception=True)
@never_cache
@require_GET
def preview(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ten rows, read from the source at this moment; they are people, so they are never kept."""
    query = get_object_or_404(showing.all_queries(), pk=pk)
    may_see = request.user.has_perm(SEE_PEOPLE)
    facts: dict[str, object] = {"query": query, "may_see_people": may_see}
    try:
        found = queries.preview(query.source, query.sql)
    except (SourceError, VaultError) as error:
        facts["error"] = str(error)
    else:
        activity.record(request.user, "previewed", query, rows=len(found.rows), unmasked=may_see)
        facts |= {"columns": found.columns, "rows": showing.cells(found, may_see_people=may_see)}
    asked_by_page = "HX-Request" in request.headers
    return render(request, "audiences/_preview.html" if asked_by_page else "audiences/query.html", facts)


@permission_required("audiences.change_query", raise_exception=True)
@require_POST
def activate(request: HttpRequest, pk: UUID) -> HttpResponse:
    query = get_object_or_404(showing.all_queries(), pk=pk)
    try:
        queries.activate(query)
    except (SourceError, VaultError) as error:
        messages.error(request, f"“{query}” was not activated. {error}")
    else:
        activity.record(request.user, "activated", query, version=query.version)
        messages.success(request, f"“{query}” is active, version {query.version}.")
    return redirect("audiences:query", pk)


@permission_required("audiences.change_source", raise_exception=True)
@require_POST
def test_source(request: HttpRequest, pk: UUID) -> HttpResponse:
    source = get_object_or_404(Source.objects.select_related("credential"), pk=pk)
    try:
        found = sources.test(source)
    except (SourceError, VaultError) as error:
        messages.error(request, f"Source “{source}”: {error}")
    else:
        Source.objects.filter(pk=pk).update(tested_at=timezone.now())
        tables = f"{len(found.tables)} table{'' if len(found.tables) == 1 else 's'}"
        messages.success(request, f"Source “{source}” answers: {found.version}, {tables}.")
        for warning in found.warnings:
            messages.warning(request, warning)
    return redirect("audiences:queries")
