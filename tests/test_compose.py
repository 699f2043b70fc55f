"""What a team deploys: every service there, no secret given by default, nothing writable that need not be."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docker-compose.yml").read_text()
SECRETS = {"SECRET_KEY", "CREDENTIALS_KEYS", "LOOKUP_KEY", "POSTGRES_PASSWORD", "VALKEY_PASSWORD"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load(TEXT)["services"]


def variables(text: str) -> dict[str, str]:
    """Return each interpolated name with what follows it: `:?message`, `:-default` or nothing."""
    return dict(re.findall(r"(?<!\$)\$\{([A-Z_]+)([^}]*)\}", text))


class TestServices:
    def test_are_all_there(self, services):
        assert set(services) == {"migrate", "web", "worker", "beat", "postgres", "valkey", "simulator"}

    def test_leave_the_simulator_to_the_demo_profile(self, services):
        assert [name for name, service in services.items() if "profiles" in service] == ["simulator"]
        assert services["simulator"]["profiles"] == ["demo"]

    def test_wait_for_the_migration(self, services):
        for name in ("web", "worker", "beat"):
            assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"

    @pytest.mark.parametrize("name", ["migrate", "web", "worker", "beat", "simulator"])
    def test_of_ours_run_read_only_and_without_privileges(self, services, name):
        service = services[name]

        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]

    def test_keep_the_database_and_the_broker_inside(self, services):
        for name in ("postgres", "valkey"):
            assert services[name]["networks"] == ["inside"]
            assert "ports" not in services[name]

    def test_run_a_broker_that_never_evicts(self, services):
        assert "noeviction" in services["valkey"]["command"][-1]


class TestSecrets:
    def test_have_no_default(self):
        asked = variables(TEXT)

        assert {name for name, rest in asked.items() if rest.startswith(":?")} == SECRETS
        assert not [name for name, rest in asked.items() if re.search("KEY|PASSWORD", name) and ":-" in rest]

    def test_are_empty_in_the_example(self):
        example = dict(re.findall(r"(?m)^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text()))

        assert {name: example[name] for name in SECRETS} == dict.fromkeys(SECRETS, "")

    def test_and_all_else_are_explained_in_the_example(self):
        example = (ROOT / ".env.example").read_text()

        assert [name for name in variables(TEXT) if not re.search(rf"(?m)^(# )?{name}=", example)] == []


class TestExample:
    def test_names_what_the_settings_read(self):
        settings = (ROOT / "config" / "settings.py").read_text()
        example = (ROOT / ".env.example").read_text()

        read = set(re.findall(r"env(?:\.\w+)?\(\s*\"([A-Z_]+)\"", settings))

        assert {name for name in read if not re.search(rf"\b{name}\b", example)} == set()


def test_the_image_runs_as_nobody_in_particular():
    lines = (ROOT / "Dockerfile").read_text().splitlines()

    assert "USER 10001" in lines
    assert lines.index("USER 10001") < next(i for i, line in enumerate(lines) if line.startswith("CMD"))
