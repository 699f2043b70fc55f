"""Adding a destination and a data template: the labels a person reads, and what must fit together."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms

from credentials.models import Credential
from destinations import paths
from destinations.models import DataTemplate, Destination
from destinations.registry import PLUGINS, Plugin, choices

MAPPING_ROWS = 6
MAX_FIELDS = 200
TYPE_LABELS = {"text": "Text", "number": "Number", "boolean": "Yes or no", "date": "Date", "json": "JSON"}


class CredentialField(forms.ModelChoiceField):
    """Credentials of several types, each with its type."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj} ({obj.get_kind_display()})"


class DestinationForm(forms.ModelForm):
    """The plugin fixes the kind of credential, so that no wrong one can be chosen."""

    plugin = forms.ChoiceField(label="Plugin", choices=choices)

    class Meta:
        model = Destination
        fields = ["name", "description", "plugin", "credential"]
        field_classes = {"credential": CredentialField}
        help_texts = {"credential": "Each plugin needs a credential of its own type."}
        widgets = {
            "name": forms.TextInput(attrs={"placeholder": "Klaviyo", "autocomplete": "off"}),
            "description": forms.TextInput(attrs={"placeholder": "This sends audience lists to Klaviyo"}),
        }

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        kinds = {plugin.credential_kind for plugin in PLUGINS.values()}
        credential = cast(forms.ModelChoiceField, self.fields["credential"])
        credential.queryset = Credential.objects.filter(kind__in=kinds).order_by("name")
        credential.empty_label = "Choose a credential"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        plugin, credential = cleaned.get("plugin"), cleaned.get("credential")
        if plugin and credential and PLUGINS[plugin].credential_kind != credential.kind:
            self.add_error("credential", f"{PLUGINS[plugin].label} needs another type of credential.")
        return cleaned


class TemplateForm(forms.ModelForm):
    """Which list, and what of a person is sent to it."""

    class Meta:
        model = DataTemplate
        fields = [
            "name",
            "description",
            "list_name",
            "mode",
            "path",
            "full_profile",
            "duplicates",
            "default_country",
        ]
        labels = {
            "list_name": "List name",
            "mode": "What a run may do",
            "path": "How changes are sent",
            "full_profile": "Use full profile to update list",
            "duplicates": "When two rows are the same person",
            "default_country": "Default country for phones",
        }
        help_texts = {
            "list_name": "An existing list of that name is used; otherwise it is created by the first run.",
            "path": (
                "Fastest: each run estimates every way that is open and takes the shortest. SFTP pays for "
                "large sets and needs an SFTP credential; it brings new people. Those on the list "
                "already are updated by import jobs, and people are removed by API."
            ),
            "full_profile": "Off: only e-mail addresses are sent. On: the fields below are sent too.",
            "default_country": "Two letters, such as GB. Without one, numbers need a + in front.",
        }
        widgets = {
            "name": forms.TextInput(attrs={"placeholder": "Klaviyo", "autocomplete": "off"}),
            "description": forms.TextInput(attrs={"placeholder": "Send audience lists to Klaviyo."}),
            "list_name": forms.TextInput(attrs={"placeholder": "VIP customers", "autocomplete": "off"}),
            "default_country": forms.TextInput(attrs={"maxlength": 2, "autocomplete": "off"}),
        }

    def __init__(self, *args: Any, destination: Destination, **given: Any) -> None:
        super().__init__(*args, **given)
        self.instance.destination = destination
        self.plugin = PLUGINS[destination.plugin]
        if self.plugin.delivers == "file":
            self._for_files()

    def _for_files(self) -> None:
        for name in ("mode", "path"):
            del self.fields[name]
        self.fields["list_name"].label = "Audience name"
        self.fields["list_name"].help_text = "It is written in the name of each file."
        self.fields["full_profile"].label = "Write the columns below"
        self.fields["full_profile"].help_text = "Off: the file has e-mail addresses only."
        # Whoever fills in columns here wants them; a list, in contrast, is kept with addresses alone.
        self.initial["full_profile"] = True
        self.fields["name"].widget.attrs["placeholder"] = "VIP file"
        self.fields["description"].widget.attrs["placeholder"] = "A file of VIP customers for a partner."

    def way_is_open(self, mapping: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether what is filled in can be sent the way it says; if not, the field says why."""
        destination = self.instance.destination
        problem = paths.problem(
            self.plugin,
            path=self.cleaned_data.get("path", self.instance.path),
            mode=self.cleaned_data.get("mode", self.instance.mode),
            mapping=mapping,
            full_profile=self.cleaned_data["full_profile"],
            settings=destination.settings,
            has_sftp_credential=destination.sftp_credential_id is not None,
        )
        if problem:
            self.add_error("path" if "path" in self.fields else None, problem)
        return not problem

    def clean_default_country(self) -> str:
        country = self.cleaned_data["default_country"].upper()
        if country and not (len(country) == 2 and country.isalpha() and country.isascii()):
            raise forms.ValidationError("A country is two letters, such as GB.")
        return country

    def _get_validation_exclusions(self) -> set[str]:
        # The destination is fixed by the page, and a second template of one name there must be refused here.
        return super()._get_validation_exclusions() - {"destination"}  # type: ignore[misc]  # Django's own


class FieldForm(forms.Form):
    """One column of the query and the field it becomes; an empty row is no row."""

    column = forms.CharField(
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "column", "autocomplete": "off"}),
    )
    target = forms.CharField(
        required=False,
        max_length=300,
        widget=forms.TextInput(
            attrs={"placeholder": "first_name or properties.Tier", "list": "targets", "autocomplete": "off"}
        ),
    )
    type = forms.ChoiceField(choices=list(TYPE_LABELS.items()))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if bool(cleaned.get("column")) != bool(cleaned.get("target")):
            raise forms.ValidationError("A column needs a field, and a field a column.")
        return cleaned


class Fields(forms.BaseFormSet):
    """The mapping as a whole, checked by the rules of its plugin."""

    def __init__(self, *args: Any, plugin: Plugin, **given: Any) -> None:
        super().__init__(*args, **given)
        self.plugin = plugin

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        super().add_fields(form, index)
        if self.plugin.delivers == "file":
            form.fields["target"].widget.attrs["placeholder"] = "its name in the file"

    def mapping(self) -> list[dict[str, str]]:
        """Return the rows that are filled in, in the form a data template keeps."""
        given = [form.cleaned_data for form in self.forms if form.cleaned_data.get("column")]
        return [{name: row[name] for name in ("column", "target", "type")} for row in given]

    def clean(self) -> None:
        if any(self.errors):
            return
        if problems := self.plugin.mapping.problems(self.mapping()):
            raise forms.ValidationError(problems)


FieldFormSet = cast(
    type[Fields], forms.formset_factory(FieldForm, formset=Fields, extra=MAPPING_ROWS, max_num=200)
)
