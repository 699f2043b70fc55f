"""What a configuration file may say: one model per kind of object, and not one key more."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from credentials import addresses
from credentials.host_keys import MOST as MOST_PINS
from credentials.host_keys import parse as parse_pin
from credentials.kinds import SSH_KINDS

NAME_CHARS = 200

Name = Annotated[str, StringConstraints(min_length=1, max_length=NAME_CHARS, strip_whitespace=True)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Rows = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]

SOURCE_NEEDS: dict[str, frozenset[str]] = {
    "files": frozenset(),
    "duckdb": frozenset({"path"}),
    "sqlite": frozenset({"path"}),
    "postgresql": frozenset({"host", "database", "user"}),
    "sqlalchemy": frozenset({"url"}),
}
SOURCE_TAKES: dict[str, frozenset[str]] = {
    "files": frozenset({"path", "files"}),
    "duckdb": frozenset({"path"}),
    "sqlite": frozenset({"path"}),
    "postgresql": frozenset({"host", "port", "database", "user", "sslmode", "credential"}),
    "sqlalchemy": frozenset({"url", "credential"}),
}
SOURCE_SETTINGS = ("path", "files", "host", "port", "database", "user", "sslmode", "url")


class Strict(BaseModel):
    """Unknown keys are refused, and a number is not quietly taken for a text."""

    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=False)


CredentialName = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]


def _as_pin(value: object) -> object:
    return str(parse_pin(value)) if isinstance(value, str) else value


HostKey = Annotated[str, BeforeValidator(_as_pin)]


class Credential(Strict):
    """`secret` and `passphrase` say where they are (`env:NAME` or `file:PATH`), and are never the secret.

    The rest is for keys of SSH; what is not stated stays as it is. `host_keys` are pinned as they stand.
    """

    kind: Literal["klaviyo_api_key", "database_password", "klaviyo_sftp", "sftp"]
    secret: str | None = None
    passphrase: str | None = None
    description: str = ""
    host: Name | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    user: Name | None = None
    folder: Name | None = None
    host_keys: Annotated[list[HostKey], Field(max_length=MOST_PINS)] | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Credential":
        of_ssh = (*addresses.KEYS, "passphrase", "host_keys")
        given = {name for name in of_ssh if getattr(self, name) is not None}
        if given and self.kind not in SSH_KINDS:
            raise ValueError(f"a {self.kind} takes no {_listed(given)}")
        if self.passphrase is not None and self.secret is None:
            raise ValueError("a passphrase needs the secret that it opens")
        return self

    @property
    def is_ssh_key(self) -> bool:
        return self.kind in SSH_KINDS

    def address(self) -> dict[str, object]:
        """Return what is stated about where the key is used."""
        return {key: value for key in addresses.KEYS if (value := getattr(self, key)) is not None}


class Source(Strict):
    kind: Literal["files", "duckdb", "sqlite", "postgresql", "sqlalchemy"]
    description: str = ""
    path: str | None = None
    files: dict[Name, str] | None = None
    host: str | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    database: str | None = None
    user: str | None = None
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = None
    url: str | None = None
    credential: Name | None = None

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> "Source":
        given = {name for name in (*SOURCE_SETTINGS, "credential") if getattr(self, name) is not None}
        if missing := SOURCE_NEEDS[self.kind] - given:
            raise ValueError(f"a {self.kind} source needs {_listed(missing)}")
        if surplus := given - SOURCE_TAKES[self.kind]:
            raise ValueError(f"a {self.kind} source takes no {_listed(surplus)}")
        if self.kind == "files" and ("path" in given) == ("files" in given):
            raise ValueError("a files source needs either path or files")
        return self


class Query(Strict):
    """`sql` is the text itself, `sql_file` a file that holds it."""

    source: Name
    sql: str | None = None
    sql_file: str | None = None
    description: str = ""
    state: Literal["draft", "active"] = "active"
    default_country: Country | None = None
    timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] | None = None
    warn_below: Rows | None = None
    warn_above: Rows | None = None
    stop_below: Rows | None = None
    stop_above: Rows | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> "Query":
        if (self.sql is None) == (self.sql_file is None):
            raise ValueError("a query needs either sql or sql_file")
        if self.stop_below is not None and self.stop_above is not None and self.stop_below > self.stop_above:
            raise ValueError("stop_below is larger than stop_above, so that no size could pass")
        return self


class Files(Strict):
    """What is chosen about files; what is not stated keeps the plugin's default, and it says what can be."""

    folder: str | None = None
    part_rows: int | None = None
    part_bytes: int | None = None
    wait_minutes: int | None = None
    list_column: str | None = None
    staging: bool | None = None
    headers: dict[Name, str] | None = None


class Destination(Strict):
    """`sftp_credential` opens the way by SFTP beside the API; `sftp` says what its files are like.

    `allows_restricted`: whether people from whom personal data is hidden may send here.
    """

    plugin: Name
    credential: Name
    sftp_credential: Name | None = None
    sftp: Files = Field(default_factory=Files)
    allows_restricted: bool = True
    description: str = ""

    def files(self) -> dict[str, Any]:
        """Return what `sftp` states."""
        return self.sftp.model_dump(exclude_none=True)


class Mapped(Strict):
    """One field of a profile: the column it comes from, and the type it is sent as."""

    column: Name
    type: Literal["text", "number", "boolean", "date", "json"] = "text"


def _as_mapped(value: object) -> object:
    """`first_name: FirstName` is short for a column sent as text."""
    return {"column": value} if isinstance(value, str) else value


class DataTemplate(Strict):
    """`mapping` goes from the field in the destination to the column of the query."""

    destination: Name
    list_name: Name
    description: str = ""
    use_full_profile: bool = False
    mode: Literal["mirror", "add_only", "remove_only"] = "mirror"
    path: Literal["auto", "api", "sftp"] = "auto"
    mapping: dict[Name, Annotated[Mapped, BeforeValidator(_as_mapped)]] = Field(default_factory=dict)
    default_country: Country | None = None
    duplicates: Literal["most_complete", "first", "last", "refuse"] = "most_complete"


class Guards(Strict):
    """What may happen unasked; a guard that is not stated keeps its default."""

    max_removed_share: Share | None = None
    max_removed: Rows | None = None
    always_allowed: Rows | None = None
    max_flow_adds: Rows | None = None
    approve_first_run: bool | None = None
    max_not_loaded_share: Share | None = None
    always_allowed_not_loaded: Rows | None = None


class Orchestration(Strict):
    """`destination` is needed only when several destinations have a data template of this name."""

    query: Name
    data_template: Name
    destination: Name | None = None
    guards: Guards = Field(default_factory=Guards)


class Configuration(Strict):
    credentials: dict[CredentialName, Credential] = Field(default_factory=dict)
    sources: dict[Name, Source] = Field(default_factory=dict)
    queries: dict[Name, Query] = Field(default_factory=dict)
    destinations: dict[Name, Destination] = Field(default_factory=dict)
    data_templates: dict[Name, DataTemplate] = Field(default_factory=dict)
    orchestrations: dict[Name, Orchestration] = Field(default_factory=dict)


OBJECTS: dict[str, type[Strict]] = {
    "credentials": Credential,
    "sources": Source,
    "queries": Query,
    "destinations": Destination,
    "data_templates": DataTemplate,
    "orchestrations": Orchestration,
}


def keys_at(place: tuple[str | int, ...]) -> tuple[str, ...]:
    """Return the keys that may stand where `place` (section, name, field, …) leads; empty when any may."""
    if len(place) == 1:
        return tuple(Configuration.model_fields)
    model = OBJECTS.get(str(place[0]))
    if len(place) == 3 and model:
        return tuple(model.model_fields)
    if len(place) == 4 and place[2] == "guards":
        return tuple(Guards.model_fields)
    if len(place) == 4 and place[2] == "sftp":
        return tuple(Files.model_fields)
    if len(place) == 5 and place[2] == "mapping":
        return tuple(Mapped.model_fields)
    return ()


def _listed(names: set[str] | frozenset[str]) -> str:
    return " and ".join(sorted(names))
