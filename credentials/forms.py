"""Forms that take a secret once and never give it back."""

from typing import Any, cast

from django import forms
from django.views.decorators.debug import sensitive_variables

from credentials import addresses, kinds, ssh_keys
from credentials.addresses import Address
from credentials.host_keys import Pin
from credentials.models import Credential, CredentialKind

# new-password keeps browsers from filling in, and offering to remember, a password of the site.
SECRET_ATTRS = {"autocomplete": "new-password", "spellcheck": "false", "data-code": ""}
KEY_ATTRS = {"autocomplete": "off", "spellcheck": "false", "data-code": "", "rows": 6}

MAKE, PASTE = "make", "paste"
ORIGINS = [(MAKE, "Let Rollcall make an Ed25519 key pair"), (PASTE, "Paste a private key")]
ADDRESS_FIELDS = addresses.KEYS


class SecretInput(forms.PasswordInput):
    """A field that is hidden while another type is chosen; the browser must not insist on it then."""

    def use_required_attribute(self, initial: Any) -> bool:
        return False


class SecretTextarea(forms.Textarea):
    """A private key has several lines; what was pasted never comes back."""

    def use_required_attribute(self, initial: Any) -> bool:
        return False

    def format_value(self, value: Any) -> None:
        return None


class SecretField(forms.CharField):
    """White space is kept, so that the rules can say that it is there."""

    def __init__(self, *, kind: str = kinds.KLAVIYO_API_KEY, **given: Any) -> None:
        widget = SecretInput(render_value=False, attrs=SECRET_ATTRS)
        super().__init__(strip=False, max_length=kinds.longest(kind), widget=widget, **given)


class AddressFields(forms.Form):
    """Where a key of SSH is used; what is left empty has the default of its type."""

    address: Address

    host = forms.CharField(
        required=False,
        max_length=300,
        help_text="Klaviyo’s is sftp.klaviyo.com; it is taken when this is left empty.",
        widget=forms.TextInput(attrs={"placeholder": "sftp.example.org", "autocomplete": "off"}),
    )
    port = forms.IntegerField(
        required=False, min_value=1, max_value=65_535, widget=forms.NumberInput(attrs={"placeholder": "22"})
    )
    user = forms.CharField(
        label="User name",
        required=False,
        max_length=200,
        help_text="Klaviyo shows yours after it was given the public key; it can be filled in then.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    folder = forms.CharField(
        required=False,
        max_length=300,
        help_text="Where files are put. Left empty: “profiles” at Klaviyo, elsewhere where the login begins.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_address(self, kind: str, cleaned: dict[str, Any]) -> None:
        """Check where it leads; afterwards `address` holds it."""
        if any(field in self.errors for field in ADDRESS_FIELDS):
            return
        self.address = addresses.tidy(kind, cleaned)
        for field, problem in addresses.problems(kind, self.address).items():
            self.add_error(field, problem)

    def where(self) -> list[forms.BoundField]:
        return [self[name] for name in ADDRESS_FIELDS]


class KeyFields(forms.Form):
    """A private key that is pasted, or one to be made; a key that was pasted is never passed over."""

    origin = forms.ChoiceField(
        label="Private key", choices=ORIGINS, initial=MAKE, required=False, widget=forms.RadioSelect
    )
    private_key = forms.CharField(
        label="Private key to store",
        error_messages={"required": "Nothing was pasted."},
        strip=False,
        max_length=ssh_keys.LONGEST,
        widget=SecretTextarea(attrs=KEY_ATTRS),
        help_text="The whole file, from -----BEGIN to -----END: Ed25519, ECDSA, or RSA from 2,048 bits.",
    )
    passphrase = forms.CharField(
        required=False,
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(render_value=False, attrs=SECRET_ATTRS),
        help_text="Only when one protects the key. It is used once, now, and not kept.",
    )

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        # Where it can be seen to be chosen, it is no option.
        self.fields["private_key"].required = not self.is_bound or self["origin"].value() == PASTE

    @sensitive_variables()
    def clean_key(self, kind: str, cleaned: dict[str, Any]) -> None:
        """Check a pasted key, or make one; afterwards `cleaned` holds it as `secret`."""
        pasted, passphrase = cleaned.get("private_key"), cleaned.get("passphrase") or None
        if "private_key" in self.errors:
            return
        if not pasted:
            cleaned["secret"], cleaned["passphrase"] = ssh_keys.generate().openssh, None
        elif problem := kinds.problem(kind, pasted, passphrase):
            self.add_error("private_key", problem)
        else:
            cleaned["secret"] = pasted


class CredentialForm(AddressFields, KeyFields, forms.ModelForm):
    """Name, description, kind, and what belongs to it: a secret, or a key of SSH and where it is used."""

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
        # Where notices are sent is typed in on the page of their channel.
        cast(forms.ChoiceField, self.fields["kind"]).choices = [
            (kind, label) for kind, label in CredentialKind.choices if kind != CredentialKind.NOTIFICATION_URL
        ]
        if self.is_bound:
            is_ssh = self["kind"].value() in kinds.SSH_KINDS
            self.fields["secret"].required = not is_ssh
            self.fields["private_key"].required &= is_ssh

    def about(self) -> list[forms.BoundField]:
        """Return the fields that every kind has."""
        return [self[name] for name in ("name", "description", "kind")]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        kind, secret = cleaned.get("kind"), cleaned.get("secret")
        if kind in kinds.SSH_KINDS:
            self.clean_address(kind, cleaned)
            self.clean_key(kind, cleaned)
            if not self.errors:
                self.instance.settings = self.address.as_settings()
        elif kind and secret and (problem := kinds.problem(kind, secret)):
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


class ReplaceKeyForm(KeyFields):
    """Another key of SSH, made here or pasted."""

    def __init__(self, *args: Any, kind: str, **given: Any) -> None:
        super().__init__(*args, **given)
        self.kind = kind

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self.clean_key(self.kind, cleaned)
        return cleaned


class AddressForm(AddressFields):
    """Another place for a key of SSH that stays what it is."""

    def __init__(self, *args: Any, kind: str, **given: Any) -> None:
        super().__init__(*args, **given)
        self.kind = kind
        is_klaviyo = kind == kinds.KLAVIYO_SFTP
        for name in ("host", "port", "folder"):
            self.fields[name].required = True
        self.fields["user"].required = not is_klaviyo
        self.fields["folder"].help_text = "Where files are put; “.” is where the login begins."
        self.fields["host"].help_text = ""
        if not is_klaviyo:
            self.fields["user"].help_text = ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self.clean_address(self.kind, cleaned)
        return cleaned


class HostKeyForm(forms.Form):
    """A person says that they compared what a server presented; `replace`, that the old keys are void."""

    type = forms.CharField(max_length=64, widget=forms.HiddenInput)
    fingerprint = forms.CharField(max_length=64, widget=forms.HiddenInput)
    compared = forms.BooleanField(
        label="I compared this fingerprint with one from another way than this connection",
        error_messages={"required": "Compare the fingerprint first, and tick that you did."},
    )
    replace = forms.BooleanField(
        label="Replace the pinned key with this one",
        error_messages={"required": "The pinned key stays unless you tick that it is replaced."},
    )

    def __init__(self, *args: Any, changed: bool, presented: Pin, **given: Any) -> None:
        given["initial"] = {"type": presented.type, "fingerprint": presented.fingerprint}
        super().__init__(*args, **given)
        self.presented = presented
        if not changed:
            del self.fields["replace"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if Pin(cleaned.get("type", ""), cleaned.get("fingerprint", "")) != self.presented:
            raise forms.ValidationError("The server has presented another key meanwhile. Compare again.")
        return cleaned


def replace_form(kind: str, data: Any = None) -> ReplaceForm | ReplaceKeyForm:
    """Return the form that replaces a secret of this kind."""
    return (ReplaceKeyForm if kind in kinds.SSH_KINDS else ReplaceForm)(data, kind=kind)
