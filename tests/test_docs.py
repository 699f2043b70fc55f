"""The documentation says what is there: its links lead somewhere, its commands, variables and codes exist."""

import re
import shlex
from pathlib import Path

import pytest
from django.core.management import get_commands

import run
from workflows.catalogue import CATALOGUE
from workflows.moves import WORDS, State
from workflows.report import OUTCOMES
from workflows.steps import HANDLERS

ROOT = Path(__file__).resolve().parent.parent
DECISIONS = ROOT / "docs" / "decisions"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE_FILE = re.compile(r"`((?:[a-z_]+/)+[a-z_]+\.(?:py|yaml|sqlite))`")
ROOMS = (
    "accounts",
    "credentials",
    "notifications",
    "audiences",
    "destinations",
    "workflows",
    "api",
    "config",
    "simulator",
)
WORDS_OF_THE_CORE = (
    *(
        "credential",
        "destination",
        "data template",
        "source",
        "query",
        "orchestration",
        "guard",
        "audience list",
    ),
    *("key", "row hash", "candidates", "members", "ledger", "not loaded", "rejected", "kept out", "outcome"),
    *(
        "workflow",
        "state",
        "stage",
        "step",
        "batch",
        "attempt",
        "plan",
        "approval",
        "round",
        "settle",
        "verify",
    ),
    *("claim", "lease", "fence", "slice", "tick", "gateway", "code", "resolution", "report", "simulator"),
)
MACHINE = re.compile(r"/(?:work|home|Users|root|tmp)/\w")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(text: str) -> set[str]:
    """Return the fragments that a page's headings give, as code hosts make them."""
    headings = re.findall(r"(?m)^#+ (.+)$", text)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def console_lines(text: str) -> list[str]:
    """Return what a reader is told to type."""
    blocks = re.findall(r"(?ms)^```console\n(.*?)^```", text)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def first_cells(text: str) -> set[str]:
    """Return every word in code marks in the first column of the tables of a page."""
    rows = re.findall(r"(?m)^\| (.+?) \|", text)
    return {word for cell in rows for word in re.findall(r"`([^`]+)`", cell)}


def variables() -> list[str]:
    """Return every variable of the example, those in comments too."""
    return re.findall(r"(?m)^(?:# )?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text())


@pytest.mark.parametrize("page", PAGES, ids=named)
class TestPage:
    def test_links_lead_somewhere(self, page: Path):
        broken = []
        for link in LINK.findall(page.read_text()):
            if link.startswith(("http://", "https://")):
                continue
            path, _, fragment = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (fragment and fragment not in anchors(target.read_text())):
                broken.append(link)

        assert broken == []

    def test_names_files_that_exist(self, page: Path):
        made_by_a_run = ("r0/", "v0/")
        files = [path for path in CODE_FILE.findall(page.read_text()) if not path.startswith(made_by_a_run)]

        assert [path for path in files if not (ROOT / path).exists()] == []

    def test_holds_no_path_of_a_machine(self, page: Path):
        assert MACHINE.findall(page.read_text()) == []


class TestReadme:
    TEXT = (ROOT / "README.md").read_text()

    @pytest.mark.parametrize("job", ["demo", "test"])
    def test_shows_the_two_commands_alone_on_their_line(self, job: str):
        assert f"python3 run.py {job}" in console_lines(self.TEXT)

    def test_names_jobs_and_commands_that_exist(self):
        unknown = []
        for line in console_lines(self.TEXT):
            words = shlex.split(line.replace("…", "_"))
            if words[:2] == ["python3", "run.py"] and words[2] not in run.JOBS:
                unknown.append(words[2])
            for before in ("manage", "manage.py"):
                if before in words and words[words.index(before) + 1] not in get_commands():
                    unknown.append(words[words.index(before) + 1])

        assert unknown == []

    def test_names_files_to_apply_that_exist(self):
        applied = re.findall(r"run\.py manage apply (\S+)", "\n".join(console_lines(self.TEXT)))

        assert applied
        assert [path for path in applied if not (ROOT / path).exists()] == []


class TestOperations:
    TEXT = (ROOT / "docs" / "operations.md").read_text()

    def test_explain_every_variable_of_the_example(self):
        assert [name for name in variables() if name not in first_cells(self.TEXT)] == []

    def test_explain_every_variable_the_settings_read(self):
        settings = (ROOT / "config" / "settings.py").read_text()
        read = re.findall(r"env(?:\.\w+)?\(\s*\"([A-Z_]+)\"", settings)

        assert [name for name in read if name not in first_cells(self.TEXT)] == []

    def test_explain_every_code_and_no_other(self):
        table = self.TEXT.partition("\n## Codes")[2].partition("\n## ")[0]

        assert first_cells(table) == set(CATALOGUE)

    def test_explain_every_state_with_the_word_people_see(self):
        table = self.TEXT.partition("\n## States")[2].partition("\n## ")[0]
        rows = dict(re.findall(r"(?m)^\| `(\w+)` \| ([^|]+?) \|", table))

        assert rows == {str(state): WORDS[state] for state in State}

    def test_explain_every_exit_code(self):
        table = self.TEXT.partition("\n## Exit codes")[2].partition("\n## ")[0]

        assert re.findall(r"(?m)^\| (\d+) \|", table) == ["0", "1", "2", "3", "130"]


class TestExample:
    def test_names_only_what_something_reads(self):
        settings = (ROOT / "config" / "settings.py").read_text()
        compose = (ROOT / "docker-compose.yml").read_text()

        unread = [name for name in variables() if f'"{name}"' not in settings and f"${{{name}" not in compose]

        assert unread == []


class TestGlossary:
    TEXT = (ROOT / "docs" / "glossary.md").read_text()

    @pytest.mark.parametrize("word", WORDS_OF_THE_CORE)
    def test_has_the_word(self, word: str):
        assert re.search(rf"(?mi)^\| \*\*{word}\*\*", self.TEXT)

    def test_has_every_outcome(self):
        told = self.TEXT.lower()

        assert [name for name in OUTCOMES if name.replace("_", " ") not in told] == []

    def test_gives_each_word_one_meaning(self):
        words = re.findall(r"(?m)^\| \*\*(.+?)\*\*", self.TEXT)

        assert sorted(words) == sorted(set(words))


class TestArchitecture:
    TEXT = (ROOT / "docs" / "architecture.md").read_text()

    def test_tells_of_every_kind_of_step(self):
        table = self.TEXT.partition("\n### The steps")[2].partition("\n### ")[0]

        assert first_cells(table) == set(HANDLERS)

    @pytest.mark.parametrize("room", ROOMS)
    def test_tells_of_every_room(self, room: str):
        assert f"| `{room}` |" in self.TEXT


class TestDecisions:
    def test_are_all_in_the_index(self):
        pages = {page.name for page in DECISIONS.glob("[0-9]*.md")}

        assert set(LINK.findall((DECISIONS / "README.md").read_text())) == pages

    def test_are_numbered_without_a_gap(self):
        numbers = sorted(int(page.name[:4]) for page in DECISIONS.glob("[0-9]*.md"))

        assert numbers == list(range(1, len(numbers) + 1))

    def test_say_what_made_them_necessary_and_what_follows(self):
        lacking = [
            f"{page.name}: {heading}"
            for page in DECISIONS.glob("[0-9]*.md")
            for heading in ("Context", "Decision", "Consequences")
            if f"\n## {heading}\n" not in page.read_text()
        ]

        assert lacking == []

    def test_have_their_proof(self):
        without = [
            page.name
            for page in DECISIONS.glob("[0-9]*.md")
            if not re.search(r"(?m)^## (Measured|Proof)$", page.read_text())
        ]

        assert without == []
