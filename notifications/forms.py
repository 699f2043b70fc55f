"""Forms for a channel, whose address is typed in and never given back, and for how notices are told."""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django import forms
from django.views.decorators.debug import sensitive_variables

from credentials import kinds, notice_places
from credentials.forms import KEY_ATTRS, SECRET_ATTRS, SecretInput, SecretTextarea
from notifications import sending
from notifications.faults import Fault, sentence
from notifications.models import Channel, ChannelKind, Kind, Telling
from notifications.wishes import Wish

NOWHERE = "Say where to send."
HOURS = {"1h": 1, "8h": 8, "24h": 24, "7d": 7 * 24}
CHOICES = [
    (Telling.IMMEDIATE, "At once"),
    (Telling.DIGEST, "In a digest, each hour"),
    ("muted:1h", "Muted for 1 hour"),
    ("muted:8h", "Muted for 8 hours"),
    ("muted:24h", "Muted for 24 hours"),
    ("muted:7d", "Muted for 7 days"),
    (Telling.MUTED, "Muted until this is changed"),
]


class ChannelForm(forms.ModelForm):
    """A channel; `place` of its cleaned data is where it sends to, and empty for no change."""

    recipients = forms.CharField(
        label="Send to",
        required=False,
        error_messages={"required": NOWHERE},
        strip=False,
        max_length=notice_places.LONGEST,
        widget=SecretTextarea(attrs={**KEY_ATTRS, "rows": 3}),
        help_text="E-mail addresses, one a line. They are stored encrypted and not shown again.",
    )
    url = forms.CharField(
        label="URL of the service",
        required=False,
        error_messages={"required": NOWHERE},
        strip=False,
        max_length=notice_places.LONGEST,
        widget=SecretInput(render_value=False, attrs=SECRET_ATTRS),
        help_text=(
            "As apprise writes it: “slack://…” for Slack, “msteams://…” for Teams, “jsons://host/path” for "
            "a webhook that takes JSON. It is stored encrypted and not shown again."
        ),
    )
    wants = forms.MultipleChoiceField(
        label="Tell of", choices=Kind.choices, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Channel
        fields = ("name", "kind", "wants", "mode", "enabled")
        labels: ClassVar = {"name": "Channel name", "kind": "Type", "mode": "When", "enabled": "Switched on"}
        help_texts: ClassVar = {"enabled": "What happens while it is off is not sent later."}
        widgets: ClassVar = {
            "name": forms.TextInput(attrs={"placeholder": "Marketing operations", "autocomplete": "off"})
        }

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        kind, mode = self.fields["kind"], self.fields["mode"]
        # One is chosen, not left out: the empty choice would only be refused.
        kind.choices = ChannelKind.choices  # type: ignore[attr-defined]
        mode.choices = [choice for choice in mode.choices if choice[0]]  # type: ignore[attr-defined]
        if self.is_changed:
            kind.disabled = True
            for name in ("recipients", "url"):
                self.fields[
                    name
                ].help_text = "Stored. Leave this empty to keep it; what is entered replaces it."
        else:
            self.initial.setdefault("kind", ChannelKind.EMAIL)
            self.initial.setdefault("wants", Kind.values)
            for name, of in (("recipients", ChannelKind.EMAIL), ("url", ChannelKind.CHAT)):
                # Where it can be seen which type is chosen, the place of the other is no matter.
                self.fields[name].required = not self.is_bound or self["kind"].value() == of

    @property
    def is_changed(self) -> bool:
        """Whether this is about a channel that is there already."""
        return not self.instance._state.adding

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        is_mail = cleaned.get("kind") == ChannelKind.EMAIL
        field = "recipients" if is_mail else "url"
        given = str(cleaned.get(field) or "")
        cleaned["place"] = notice_places.mail_to(given) if is_mail and given.strip() else given.strip()
        if not cleaned["place"]:
            if not self.is_changed and field not in self.errors:
                self.add_error(field, NOWHERE)
        elif problem := self._problem(cleaned["place"], is_mail=is_mail):
            self.add_error(field, problem)
        return cleaned

    @sensitive_variables()
    def _problem(self, place: str, *, is_mail: bool) -> str | None:
        if problem := kinds.problem(kinds.NOTIFICATION_URL, place):
            return problem
        if is_mail:
            return None
        if notice_places.is_mail(place):
            return "For addresses of people, choose the type e-mail."
        fault = sending.check(place)
        return sentence(fault) if fault != Fault.NONE else None


class ReadForm(forms.Form):
    """Until when everything is read; empty for until now."""

    until = forms.DateTimeField(required=False)

    def clean_until(self) -> datetime | None:
        until: datetime | None = self.cleaned_data["until"]
        try:
            return until.astimezone(UTC) if until else None
        except OverflowError as error:
            raise forms.ValidationError("There is no such moment.") from error


class WishForm(forms.Form):
    """How the notices of one orchestration are told from now on."""

    telling = forms.ChoiceField(label="Notifications", choices=CHOICES)

    @staticmethod
    def chosen(wish: Wish, *, now: datetime) -> str:
        """Return the choice that says what a wish does: of a mute, the shortest that does not end sooner."""
        if wish.until is None:
            return wish.telling
        lasting = (name for name, hours in HOURS.items() if now + timedelta(hours=hours) >= wish.until)
        name = next(lasting, None)
        return f"{wish.telling}:{name}" if name else wish.telling

    def wish(self, *, now: datetime) -> Wish:
        telling, _, lasts = self.cleaned_data["telling"].partition(":")
        return Wish(telling, now + timedelta(hours=HOURS[lasts]) if lasts else None)
