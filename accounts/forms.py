"""The sign-in form."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm

LONGEST_PASSWORD = 128


class SignInForm(AuthenticationForm):
    """One sentence for every failure, so that it tells nobody which user names exist."""

    password = forms.CharField(
        label="Password",
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    error_messages = {
        "invalid_login": "This user name and password do not belong together.",
        "inactive": "This user name and password do not belong together.",
    }

    def __init__(self, *args: Any, refusal: str = "", **kwargs: Any) -> None:
        """A `refusal` turns the try away, in its words, before the password is looked at."""
        super().__init__(*args, **kwargs)
        self.refusal = refusal

    def clean(self) -> dict[str, Any]:
        if self.refusal:
            raise forms.ValidationError(self.refusal, code="throttled")
        return super().clean()
