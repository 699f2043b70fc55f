"""`run.py faults mutants`: each mechanism switched off must be noticed by a story or by a seed."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.faults.simulation import many

SEEDS = 60


@dataclass(frozen=True)
class Mutant:
    """`mechanism` is what `switch_off` takes out of the product in this process; `story` is told first."""

    name: str
    mechanism: str
    switch_off: Callable[[], None]
    story: str = ""


def fence() -> None:
    from contextlib import contextmanager

    from django.db import transaction

    from workflows import lease
    from workflows.models import Workflow

    @contextmanager
    def fenced(workflow: Workflow) -> Any:
        with transaction.atomic():
            yield Workflow.objects.select_for_update().get(pk=workflow.pk)

    def extend(workflow: Workflow, clock: Any) -> bool:
        now = clock.now()
        Workflow.objects.filter(pk=workflow.pk).update(lease_until=now + lease.lease(), progress_at=now)
        return Workflow.objects.filter(pk=workflow.pk, cancel_requested=True).exists()

    _replace(lease, fenced=fenced, extend=extend)


def frozen_call() -> None:
    from workflows.outside import Recorder

    _replace(Recorder, leaving=lambda self, token: None)


def read_back() -> None:
    from workflows.results import Done
    from workflows.steps import HANDLERS, verify

    def believe(run: Any, step: Any) -> Any:
        folder = run.folder.make(f"v{step.round}")
        unread = verify._read_back(run, step, folder / "members.parquet")
        if unread is not None:
            return unread
        facts = {"members": 0, "missing": 0, "surplus": 0}
        verify.difference(run, folder / "members.parquet", folder, full_profile=False)
        return Done(facts, steps=(verify._finish(),), columns={"verified_at": run.clock.now()})

    HANDLERS["verify"] = believe


def barrier() -> None:
    from workflows.results import Done
    from workflows.steps import HANDLERS

    HANDLERS["barrier"] = lambda run, step: Done()


def late_effects() -> None:
    """The barrier and the waiting of a stop look after the same: one of them alone is not missed."""
    from workflows import engine
    from workflows.moves import State
    from workflows.results import Ended

    barrier()
    _replace(engine, wind_down=lambda run, step: Ended(State.CANCELLED, "Stopped.", {"message": "Stopped."}))


def settle() -> None:
    from workflows.results import Done
    from workflows.steps import HANDLERS

    HANDLERS["settle"] = lambda run, step: Done()


def unknown_imports() -> None:
    from workflows.steps import barrier as steps_barrier
    from workflows.steps import verify

    _replace(verify, unknown_jobs=lambda run, workflows: 0)
    _replace(steps_barrier, unknown_jobs=lambda run, workflows: 0)


def guard() -> None:
    from workflows import guards

    _replace(guards, objections=lambda change, limits: [])


def guard_of_later_rounds() -> None:
    from dataclasses import replace

    from workflows.steps import compare

    whole = compare.change_of

    def first_round_alone(workflow: Any, plan: Any) -> Any:
        change = whole(workflow, plan)
        return replace(change, removed=0) if plan["round"] else change

    _replace(compare, change_of=first_round_alone)


def approval() -> None:
    from workflows.steps import compare

    _replace(compare, _approved=lambda run, plan: run.workflow.approvals.exists())


def unique_name() -> None:
    from destinations import lists

    _replace(
        lists, choose=lambda found: lists.Choice("use", found[0].id) if found else lists.Choice("create")
    )


def creation_claim() -> None:
    from datetime import timedelta

    from destinations import lists

    _replace(lists, CREATION_SETTLES=timedelta(0))


def creation_look_up() -> None:
    from destinations import lists
    from workflows.steps import deliver

    whole = lists.resolve

    class Blind:
        """A client that finds no list."""

        def __init__(self, client: Any) -> None:
            self._client = client

        def find_lists(self, name: str) -> list[Any]:
            return []

        def __getattr__(self, name: str) -> Any:
            return getattr(self._client, name)

    _replace(deliver.lists, resolve=lambda client, *given, **more: whole(Blind(client), *given, **more))


def stop_check() -> None:
    from workflows import lease

    whole = lease.extend

    def deaf(workflow: Any, clock: Any) -> bool:
        whole(workflow, clock)
        return False

    _replace(lease, extend=deaf)


def journal() -> None:
    from datetime import timedelta

    from workflows import lease, outside

    def intend(self: Any, call: Any) -> Any:
        self.heartbeat(force=not call.is_read)
        return outside.Sent(call, None, self.clock.now())

    _replace(outside.Recorder, _intend=intend)
    _replace(lease, AMBIGUITY=timedelta(0))


def one_live_run() -> None:
    from tests.faults.simulation import setting
    from workflows import start

    _replace(start, LIVE=frozenset())
    setting.template().execute("drop index one_live_workflow_a_list")


def account_pin() -> None:
    from destinations import accounts_check

    def open_any(destination: Any, *, clock: Any, hooks: Any = None, **more: Any) -> Any:
        from credentials import vault

        opener = accounts_check.opener(accounts_check.PLUGINS[destination.plugin])
        return opener(vault.reveal(destination.credential), destination.account_id, clock=clock, hooks=hooks)

    _replace(accounts_check, open_checked=open_any, _check_account=lambda credential, account: None)


def ledger() -> None:
    from workflows.run import Run

    _replace(Run, ledger=property(lambda self: None))


def _replace(holder: Any, **parts: Any) -> None:
    for name, part in parts.items():
        if not hasattr(holder, name):
            raise AttributeError(f"{holder} has no {name} any more: this mutant switches nothing off")
        setattr(holder, name, part)


MUTANTS: dict[str, Mutant] = {
    mutant.name: mutant
    for mutant in (
        Mutant("fence", "a write needs the fence number of its claim", fence, "frozen_before_writing"),
        Mutant(
            "frozen_call", "a call leaves only under a living lease", frozen_call, "frozen_before_sending"
        ),
        Mutant("read_back", "the list is read back and compared", read_back, "import_cancelled"),
        Mutant("barrier", "a run waits for what earlier ones left", barrier, "import_of_a_run_given_up"),
        Mutant("late_effects", "barrier, and waiting at a stop", late_effects, "late_removal"),
        Mutant("settle", "a run waits for its own lost requests", settle, "late_removal_of_a_success"),
        Mutant(
            "unknown_imports",
            "imports of unclear origin are waited for",
            unknown_imports,
            "import_sent_twice",
        ),
        Mutant("guard", "large removals wait for a person", guard, "empty_query"),
        Mutant(
            "guard_rounds", "the guard counts over all rounds", guard_of_later_rounds, "flood_in_round_two"
        ),
        Mutant("approval", "an approval is of one plan", approval, "flood_after_an_approval"),
        Mutant("unique_name", "two lists of one name are asked about", unique_name, "two_lists_of_one_name"),
        Mutant("creation_claim", "a doubtful creation is waited for", creation_claim, "late_creation"),
        Mutant(
            "creation_look_up", "a list is looked for before it is made", creation_look_up, "late_creation"
        ),
        Mutant("stop_check", "a stop is looked for before each call", stop_check, "stopped_between_batches"),
        Mutant("journal", "an intent is written before each call", journal, "import_nobody_heard_of"),
        Mutant("one_live_run", "a list has one live run", one_live_run, "started_twice"),
        Mutant("account_pin", "a key must open the pinned account", account_pin, "key_of_another_account"),
        Mutant("ledger", "who left is remembered", ledger, "people_who_left"),
    )
}


@dataclass(frozen=True)
class Verdict:
    """How a mutant was found: `story` and `seed` are what they saw, '' for nothing, in `seeds` seeds."""

    name: str
    story: str
    seeds: int
    seed: str

    @property
    def survives(self) -> bool:
        return not (self.story or self.seed)


def main(arguments: list[str]) -> int:
    many.same_hashes()
    parser = argparse.ArgumentParser(prog="run.py faults mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="mutant", help=", ".join(MUTANTS))
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds may pass before one is red")
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - MUTANTS.keys():
        parser.error(f"there is no mutant {', '.join(sorted(unknown))}")
    found = []
    print(f"{'switched off':<44} {'by a story':<52} by a seed")
    for name in given.names or MUTANTS:
        found.append(_try(MUTANTS[name], given.seeds))
        print(_line(found[-1]), flush=True)
    survivors = [verdict.name for verdict in found if verdict.survives]
    names = f": {', '.join(survivors)}" if survivors else ""
    print(f"{len(found)} mutants, {len(survivors)} not noticed{names}")
    return 1 if survivors else 0


def _try(mutant: Mutant, seeds: int) -> Verdict:
    story = many.story(mutant.story, mutant=mutant.name) if mutant.story else ""
    if not seeds:
        return Verdict(mutant.name, story, 0, "")
    figures = many.run(range(seeds), mutant=mutant.name, until_wrong=True)
    return Verdict(mutant.name, story, figures.seeds, next(iter(figures.wrong.values()), ""))


def _line(verdict: Verdict) -> str:
    seen = f"after {verdict.seeds}: {verdict.seed}" if verdict.seed else f"not in {verdict.seeds}"
    return f"{MUTANTS[verdict.name].mechanism:<44} {(verdict.story or '-')[:50]:<52} {seen[:70]}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
