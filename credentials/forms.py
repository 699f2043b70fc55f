"""Forms that take a secret once and never give it back."""

from typing import Any, cast

from django import forms

from credentials import kinds
from credentials.models import Credential, CredentialKind

# new-password keeps browsers from filling in, and offering to remember, a password of the site.
SECRET_ATTRS = {"autocomplete": "new-password", "spellcheck": "false", "data-code": ""}


class SecretField(forms.CharField):
    """White space is kept, so that the rules can say that it is there."""

    def __init__(self, **given: Any) -> None:
        widget = forms.PasswordInput(render_value=False, attrs=SECRET_ATTRS)
        super().__init__(strip=False, max_length=kinds.longest(kinds.KLAVIYO_API_KEY), widget=widget, **given)


class CredentialForm(forms.ModelForm):
    """Name, description, kind, and the secret, whose shape is checked against the kind."""

    secret = SecretField(
        label="Key or password",
        help_text=(
            "For Klaviyo, the full private API key, from “pk_” on. Stored encrypted and never shown again."
        ),
    )

    class Meta:
        model = Credential
        fields = ["name", "description", "kind"]
        labels = {"name": "Credential name", "description": "Credential description", "kind": "Type"}
        widgets = {
            "description": forms.TextInput,
            "name": forms.TextInput(attrs={"placeholder": "Klaviyo, production", "autocomplete": "off"}),
        }

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        # A kind is chosen, not left out: the empty choice would only be refused.
        cast(forms.ChoiceField, self.fields["kind"]).choices = CredentialKind.choices

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        kind, secret = cleaned.get("kind"), cleaned.get("secret")
        if kind and secret and (problem := kinds.problem(kind, secret)):
            self.add_error("secret", problem)
        return cleaned


class ReplaceForm(forms.Form):
    """Another secret for a credential that stays what it is."""

    secret = SecretField(label="New key or password")

    def __init__(self, *args: Any, kind: str, **given: Any) -> None:
        super().__init__(*args, **given)
        self.kind = kind

    def clean_secret(self) -> str:
        secret = self.cleaned_data["secret"]
        if problem := kinds.problem(self.kind, secret):
            raise forms.ValidationError(problem)
        return secret
