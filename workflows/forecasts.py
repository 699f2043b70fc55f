"""How long a plan takes by each way there is, from the limits and what is known of speed, summed up in words.

It runs from the moment the plan is let pass to the verified end, in the order of the steps.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from workflows.coefficients import NO_HISTORY, Coefficients, Line
from workflows.durations import duration
from workflows.spacing import after, paced
from workflows.words import size

# More than so many are never sent one by one: each would cost a request that others of the account may need.
MOST_SINGLE = 100
# People a step of single upserts takes; each ends with one call that puts them on the list.
SINGLES_A_STEP = 50
_BY_ID_SIZE, _PAGE_SIZE = 1_000, 100
# After so long, requests made before no longer count in a window of a minute.
_WINDOW_SECONDS = 60.0
# A time that the windows alone explain to this part is the windows' doing.
_LIMITED_SHARE = 0.9

LABELS = {
    "upsert": ("call, one for each person", "calls, one for each person"),
    "submit": ("import job", "import jobs"),
    "add": ("call that adds by id", "calls that add by id"),
    "remove": ("call that removes", "calls that remove"),
    "page": ("page read back", "pages read back"),
}
ENDPOINTS = {
    "create": "lists.create",
    "upsert": "profiles.upsert",
    "submit": "imports.create",
    "add": "lists.add",
    "remove": "lists.remove",
    "page": "lists.members",
}

FloorSeconds = Callable[[int, str], float]


@dataclass(frozen=True)
class Work:
    """What a plan has to do. Counts are people; bytes are of the whole.

    `new` have no profile id we know of, `known` have. `import_requests` are the jobs that all of `new` would
    take, `update_requests` those of `updates`, and `json_bytes` is the size of all of them. Of `new`, `unfit`
    cannot stand in a CSV; they take `unfit_requests` jobs. A list of at most `small_list` members is read
    back whole, a larger one by what changed. `sftp_problem` says why SFTP cannot be; '' when it can.
    """

    new: int = 0
    known: int = 0
    updates: int = 0
    removes: int = 0
    members: int = 0
    import_requests: int = 0
    update_requests: int = 0
    json_bytes: int = 0
    csv_bytes: int = 0
    csv_parts: int = 0
    small_list: int = 0
    creates_list: bool = False
    sftp_problem: str = ""
    unfit: int = 0
    unfit_requests: int = 0

    @property
    def changes(self) -> int:
        return self.new + self.known + self.updates + self.removes

    @property
    def pages(self) -> int:
        """Pages of members that reading the list back takes."""
        if not self.changes:
            return 0
        added = self.new + self.known
        if self.members <= self.small_list:
            return _calls(self.members + added - self.removes, _PAGE_SIZE)
        return _calls(added, _PAGE_SIZE) + _calls(self.removes, _PAGE_SIZE)


@dataclass(frozen=True)
class Forecast:
    """One way for the new people, with all else the plan has to do.

    `way` is by_id (nobody is new), single, import or sftp. `arithmetic` has a sentence for each part; their
    times add up to `seconds`, infinite when the way is not feasible.
    """

    way: str
    seconds: float
    arithmetic: tuple[str, ...] = ()
    feasible: bool = True
    why_not: str = ""


def forecasts(
    work: Work,
    coefficients: Coefficients = NO_HISTORY,
    *,
    floor_seconds: FloorSeconds,
    made: Mapping[str, int] | None = None,
) -> tuple[Forecast, ...]:
    """Return a forecast for every way that makes sense for `work`.

    `floor_seconds(requests, endpoint)` is the least time the published windows allow. `made` are requests
    that this workflow has sent already: they have used up a part of the windows.
    """
    asked = _Asked(work, coefficients, floor_seconds, made or {})
    if not work.new:
        return (_forecast("by_id", asked),)
    found = [_single(asked), _forecast("import", asked)]
    if work.sftp_problem:
        found.append(_not("sftp", work.sftp_problem))
    elif work.csv_parts:
        found.append(_forecast("sftp", asked))
    return tuple(found)


def file_forecast(work: Work, coefficients: Coefficients = NO_HISTORY) -> Forecast:
    """Return the forecast for a destination that takes files and shows no list: the upload is all."""
    sheet = _Sheet(_Asked(work, coefficients, lambda requests, endpoint: 0.0, {}))
    sheet.upload()
    sheet.overhead()
    return sheet.forecast("sftp")


@dataclass(frozen=True)
class _Asked:
    work: Work
    coefficients: Coefficients
    floor_seconds: FloorSeconds
    made: Mapping[str, int]


def _single(asked: _Asked) -> Forecast:
    if asked.work.new > MOST_SINGLE:
        return _not("single", f"More than {MOST_SINGLE} people are new.")
    return _forecast("single", asked)


def _not(way: str, why: str) -> Forecast:
    return Forecast(way, math.inf, feasible=False, why_not=why)


def _forecast(way: str, asked: _Asked) -> Forecast:
    """Add the parts up in the order of the steps."""
    work, sheet = asked.work, _Sheet(asked)
    sheet.calls("create", int(work.creates_list))
    sheet.calls("add", _calls(work.known, _BY_ID_SIZE))
    jobs = _jobs(way, work)
    if way == "single":
        sheet.calls("upsert", work.new + _calls(work.new, SINGLES_A_STEP))
    sheet.submit(jobs, jobs.first)
    if way == "sftp":
        sheet.upload()
    sheet.submit(jobs, jobs.then)
    sheet.processing(jobs)
    if way == "sftp":
        sheet.ingest(work.new - work.unfit)
    sheet.calls("remove", _calls(work.removes, _BY_ID_SIZE))
    sheet.calls("page", work.pages)
    if work.changes:
        sheet.overhead()
    return sheet.forecast(way)


@dataclass(frozen=True)
class _Jobs:
    """Import jobs of a plan: `first` those of new people, `then` those of updates."""

    people: int
    first: int
    then: int
    bytes_each: float

    @property
    def count(self) -> int:
        return self.first + self.then


def _jobs(way: str, work: Work) -> _Jobs:
    people, first = {
        "import": (work.new, work.import_requests),
        "sftp": (work.unfit, work.unfit_requests),
    }.get(way, (0, 0))
    people += work.updates
    count = first + work.update_requests
    size = work.json_bytes * people / max(work.new + work.updates, 1)
    return _Jobs(people, first, work.update_requests, size / max(count, 1))


@dataclass
class _Sheet:
    """The sum as it is written down: seconds so far, and a sentence a part."""

    asked: _Asked
    seconds: float = 0.0
    sentences: list[str] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    submitting_since: float | None = None
    uploaded_at: float = 0.0

    def forecast(self, way: str) -> Forecast:
        return Forecast(way, self.seconds, tuple(self.sentences))

    def add(self, seconds: float, words: str, known: str) -> None:
        self.seconds += seconds
        self.sentences.append(f"{words}: {duration(seconds)} ({known})")

    def calls(self, name: str, requests: int) -> None:
        """Write down requests of one kind, one after the other, as fast as the windows let them go."""
        if requests:
            line = self.asked.coefficients.line(name)
            self._paced(name, requests, line.seconds(1), line)

    def submit(self, jobs: _Jobs, requests: int) -> None:
        """Write down the handing in of import jobs."""
        if not requests:
            return
        if self.submitting_since is None:
            self.submitting_since = self.seconds
        line = self.asked.coefficients.line("submit")
        self._paced("submit", requests, line.seconds(jobs.bytes_each), line)

    def processing(self, jobs: _Jobs) -> None:
        """Write down what Klaviyo needs for the jobs beyond their handing in.

        It begins with the first job, so it ends when all have been worked through, or a job's time after the
        last was handed in.
        """
        if self.submitting_since is None:
            return
        line = self.asked.coefficients.line("import")
        one_call = self.asked.coefficients.line("submit").seconds(jobs.bytes_each)
        all_done = self.submitting_since + one_call + line.seconds(jobs.people)
        last_done = self.seconds + line.seconds(jobs.people / jobs.count)
        words = (
            f"Klaviyo begins after {duration(line.fixed)} and works through {jobs.people:,} profiles "
            f"at about {_rounded(1 / line.each)} a second, from the last job on"
        )
        self.add(max(all_done, last_done) - self.seconds, words, _history(line))

    def upload(self) -> None:
        """Write down the upload of the CSV, one file after the other."""
        parts, csv_bytes = self.asked.work.csv_parts, self.asked.work.csv_bytes
        if not parts:
            return
        line = self.asked.coefficients.line("upload")
        files = "1 file" if parts == 1 else f"{parts:,} files"
        words = f"{size(csv_bytes)} of CSV in {files}, uploaded at about {size(1 / line.each)} a second"
        self.add(parts * line.fixed + csv_bytes * line.each, words, _history(line))
        self.uploaded_at = self.seconds

    def ingest(self, rows: int) -> None:
        """Write down how long Klaviyo takes to put the people of the files on the list."""
        line = self.asked.coefficients.line("ingest")
        left = max(self.uploaded_at + line.seconds(rows) - self.seconds, 0.0)
        words = (
            f"Klaviyo reads the files after {duration(line.fixed)} and takes in {rows:,} rows "
            f"at about {_rounded(1 / line.each)} a second"
        )
        self.add(left, words, _history(line))

    def overhead(self) -> None:
        line = self.asked.coefficients.line("overhead")
        self.add(line.seconds(self.asked.work.changes), "Everything in between", _history(line))

    def _paced(self, name: str, requests: int, each: float, line: Line) -> None:
        endpoint = ENDPOINTS[name]
        floor_seconds = self.asked.floor_seconds
        before = self.sent.get(endpoint, 0)
        used = before + (self.asked.made.get(endpoint, 0) if self.seconds < _WINDOW_SECONDS else 0)
        floor = after(used, lambda number: floor_seconds(number, endpoint))
        seconds = paced(requests, each, floor)
        self.sent[endpoint] = before + requests
        limited = seconds >= 1 and paced(requests, 0.0, floor) >= _LIMITED_SHARE * seconds
        known = "as fast as Klaviyo allows" if limited else _history(line)
        self.add(seconds, _label(name, requests), known)


def _label(name: str, requests: int) -> str:
    if name == "create":
        return "Creating the list"
    one, many = LABELS[name]
    return f"{requests:,} {one if requests == 1 else many}"


def _history(line: Line) -> str:
    if not line.runs:
        return "no history yet, a cautious guess"
    return "from 1 earlier run" if line.runs == 1 else f"from {line.runs} earlier runs"


def _calls(people: int, size: int) -> int:
    return math.ceil(max(people, 0) / size)


def _rounded(number: float) -> str:
    """Write a rate with the two digits that mean something: 503.2 as 500, 4,871 as 4,900."""
    if number < 1:
        return f"{number:.2g}"
    digits = max(math.floor(math.log10(number)) - 1, 0)
    return f"{round(number, -digits):,.0f}"
