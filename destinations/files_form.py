"""What a person chooses about the files of a destination: the key that opens the way, and how they look."""

from collections.abc import Mapping
from typing import Any, cast

from django import forms

from credentials.models import Credential
from destinations import paths
from destinations.file_choices import Choices
from destinations.models import DataTemplate, Destination
from destinations.registry import PLUGINS, Plugin

MAX_HEADERS_CHARS = 20_000
_FIELDS = {"list": ("folder", "part_rows", "wait_minutes"), "file": ("folder", "part_rows", "staging")}


class FilesForm(forms.Form):
    """Every field may be left empty: then its default holds. `destination` is None while one is added."""

    credential = forms.ModelChoiceField(
        label="SFTP credential",
        required=False,
        queryset=Credential.objects.none(),
        empty_label="None: send everything by API",
    )
    folder = forms.CharField(
        label="Folder on the server",
        required=False,
        help_text="Left empty, files go into the folder that the SFTP credential names.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    wait_minutes = forms.IntegerField(
        label="Minutes to wait for people to appear",
        required=False,
        help_text="When nobody new has come for so long, whoever is missing is named as not seen.",
    )
    part_rows = forms.IntegerField(
        label="Rows in a part",
        required=False,
        help_text="A larger set is cut into several files of this many rows.",
    )
    staging = forms.BooleanField(
        label="Rename a file when it is whole",
        required=False,
        help_text="It is written under another name first, where the tested server lets files be renamed.",
    )
    headers = forms.CharField(
        label="Headers",
        required=False,
        max_length=MAX_HEADERS_CHARS,
        widget=forms.Textarea(
            attrs={"rows": 2, "autocomplete": "off", "spellcheck": "false", "data-code": ""}
        ),
    )

    def __init__(self, data: Any = None, *, plugin: Plugin, destination: Destination | None = None) -> None:
        kept = destination.settings.get("sftp", {}) if destination else {}
        initial = {**kept, "headers": _as_lines(kept.get("headers", {}))}
        initial["staging"] = kept.get("staging", plugin.files.DEFAULTS.staging)
        initial["credential"] = destination.sftp_credential_id if destination else None
        super().__init__(data, initial=initial, prefix=f"files-{plugin.name}")
        self.plugin, self.destination, self._kept = plugin, destination, kept
        folder = paths.default_folder(destination) if destination else ""
        self._fit(plugin.files.DEFAULTS.at(folder))

    def _fit(self, defaults: Choices) -> None:
        if self.plugin.delivers == "list":
            credential = cast(forms.ModelChoiceField, self.fields["credential"])
            kind = self.plugin.sftp_credential_kind
            credential.queryset = Credential.objects.filter(kind=kind).order_by("name")
            self.fields["headers"].help_text = (
                "Only for standard fields whose header you have seen work, one a line, such as “first_name: "
                f"First Name”. {self.plugin.label} does not tell them; a wrong one would become a property."
            )
        else:
            del self.fields["credential"]
            self.fields["headers"].help_text = (
                "The e-mail address goes under “Email”, every other field under its own name. Another header "
                "is written here, one a line, such as “email: E-mail address”."
            )
        for name in {"folder", "part_rows", "wait_minutes", "staging"} - set(_FIELDS[self.plugin.delivers]):
            del self.fields[name]
        for name in {"folder", "part_rows", "wait_minutes"} & set(self.fields):
            default = getattr(defaults, name)
            self.fields[name].widget.attrs["placeholder"] = default if name == "folder" else f"{default:,}"

    def chosen(self) -> dict[str, Any]:
        """Return the settings as a destination keeps them; what has no field here stays as it was."""
        given = {name: value for name, value in self._kept.items() if name not in self.fields}
        for name in ("folder", "part_rows", "wait_minutes"):
            if self.cleaned_data.get(name) not in (None, ""):
                given[name] = self.cleaned_data[name]
        if "staging" in self.fields and self.cleaned_data["staging"] != self.plugin.files.DEFAULTS.staging:
            given["staging"] = self.cleaned_data["staging"]
        if self.cleaned_data.get("headers"):
            given["headers"] = self.cleaned_data["headers"]
        return given

    def sftp_credential(self) -> Credential | None:
        return self.cleaned_data.get("credential")

    def clean_headers(self) -> dict[str, str]:
        found = {}
        for line in self.cleaned_data["headers"].splitlines():
            target, colon, header = line.partition(":")
            if not line.strip():
                continue
            if not colon or not target.strip() or not header.strip():
                raise forms.ValidationError("Write one field a line, with its header after a colon.")
            if target.strip() in found:
                raise forms.ValidationError(f"“{target.strip()}” is written twice.")
            found[target.strip()] = header.strip()
        return found

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        if found := self.plugin.files.choice_problems(self.chosen()):
            raise forms.ValidationError(found)
        for template in self.destination.templates.order_by("name") if self.destination else ():
            if found := self._problem(template):
                raise forms.ValidationError(f"Data template “{template}” could not be sent any more. {found}")
        return cleaned

    def _problem(self, template: DataTemplate) -> str:
        return paths.problem(
            self.plugin,
            path=template.path,
            mode=template.mode,
            mapping=template.mapping,
            full_profile=template.full_profile,
            settings={"sftp": self.chosen()},
            has_sftp_credential=self.sftp_credential() is not None,
        )


def every_files_form(data: Any = None) -> list[FilesForm]:
    """Return one form for each plugin that takes files, for a page that chooses the plugin."""
    return [FilesForm(data, plugin=plugin) for plugin in PLUGINS.values() if plugin.files is not None]


def _as_lines(headers: Mapping[str, str]) -> str:
    return "\n".join(f"{target}: {header}" for target, header in headers.items())
