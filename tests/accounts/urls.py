"""This room's addresses and one page behind the door."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse("inside")


urlpatterns = [path("", home), path("", include("accounts.urls"))]
