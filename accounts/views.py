"""The doors: sign in, sign out, and the demo's one click."""

from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import activity, demo, throttle
from accounts.forms import SignInForm
from accounts.models import User

TOO_MANY_TRIES = "Too many tries. Wait a minute, then try again."


class SignIn(LoginView):
    """Django's own sign-in, with a limit on tries. Django marks it as open to everybody."""

    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True
    ticket: throttle.Ticket | None = None

    def post(self, request: HttpRequest, *args: str, **kwargs: Any) -> HttpResponse:
        self.ticket = throttle.admit(
            request.POST.get("username", ""), request.META.get("REMOTE_ADDR", ""), now=timezone.now()
        )
        return super().post(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        turned_away = self.request.method == "POST" and self.ticket is None
        return {**super().get_form_kwargs(), "refusal": TOO_MANY_TRIES if turned_away else ""}

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        with transaction.atomic():
            if self.ticket:
                throttle.forgive(self.ticket)
            activity.record(form.get_user(), "signed_in", form.get_user())
            return super().form_valid(form)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        if self.ticket is None:
            response.status_code = 429
            response["Retry-After"] = str(int(throttle.WINDOW.total_seconds()))
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(demo_offered=demo.offered_to(self.request), **kwargs)


class SignOut(LogoutView):
    """Django's own sign-out: POST only."""

    def post(self, request: HttpRequest, *args: str, **kwargs: Any) -> HttpResponse:
        with transaction.atomic():
            if isinstance(request.user, User):
                activity.record(request.user, "signed_out", request.user)
            return super().post(request, *args, **kwargs)


@login_not_required
@never_cache
@require_POST
def demo_sign_in(request: HttpRequest) -> HttpResponse:
    """Enter as the demo user. Not there at all outside the demo or from another machine."""
    if not demo.offered_to(request):
        raise Http404
    with transaction.atomic():
        try:
            user = demo.ensure_demo_user()
        except demo.DemoUnavailable as unavailable:
            raise Http404 from unavailable
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        activity.record(user, "signed_in", user, way="demo")
    return redirect(settings.LOGIN_REDIRECT_URL)
