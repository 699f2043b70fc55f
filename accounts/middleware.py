"""What happens to a page that stays open longer than the session of whoever looks at it."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

Answer = Callable[[HttpRequest], HttpResponse]


def ask_to_sign_in(answer: Answer) -> Answer:
    """Let the whole page go to the sign-in, and come back, where only a part of it was asked for."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = answer(request)
        leads_to = urlsplit(response.headers.get("Location", "")).path
        if request.headers.get("HX-Request") == "true" and leads_to == resolve_url(settings.LOGIN_URL):
            # Followed as it is, the sign-in page would be swapped into that part.
            return HttpResponse(headers={"HX-Refresh": "true"})
        return response

    return middleware
