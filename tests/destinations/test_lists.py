"""From a list's name to its id, once."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from destinations import lists
from destinations.errors import Ambiguous, DeliveryError, HoldOn, NeedsDecision, Rejected
from destinations.klaviyo.answers import ListInfo
from destinations.lists import Choice, choose
from destinations.models import AudienceList

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def info(list_id: str, name: str = "VIP") -> ListInfo:
    return ListInfo(list_id, name, "", "")


@dataclass
class Vendor:
    """Lists in memory; the next creation may go wrong, before or after it was done."""

    lists: list[ListInfo] = field(default_factory=list)
    others: int = 0
    trouble: DeliveryError | None = None
    created: int = 0

    def find_lists(self, name: str) -> list[ListInfo]:
        return [each for each in self.lists if each.name == name]

    def create_list(self, name: str) -> ListInfo:
        self.created += 1
        if not self.trouble or isinstance(self.trouble, Ambiguous):
            self.lists.append(info(f"L{len(self.lists)}", name))
        if self.trouble:
            raise self.trouble
        return self.lists[-1]

    def list_total(self) -> int:
        return len(self.lists) + self.others

    def segment_total(self) -> int:
        return 0


class TestChoose:
    def test_creates_uses_or_asks(self):
        assert choose([]) == Choice("create")
        assert choose([info("A")]) == Choice("use", "A")
        assert choose([info("A"), info("A")]) == Choice("use", "A")
        assert choose([info("A"), info("B")]) == Choice("ambiguous")


@pytest.mark.django_db
class TestResolve:
    def test_uses_the_list_that_is_there(self):
        found = lists.resolve(Vendor([info("A")]), "acct", "VIP", now=NOW)

        assert (found.list_id, found.created_by_us) == ("A", False)

    def test_makes_a_list_once(self):
        vendor = Vendor()

        first = lists.resolve(vendor, "acct", "VIP", now=NOW)
        second = lists.resolve(vendor, "acct", "VIP", now=NOW)

        assert (first.pk, first.list_id, first.created_by_us) == (second.pk, "L0", True)
        assert vendor.created == 1

    def test_keeps_to_the_id_when_the_list_is_renamed(self):
        vendor = Vendor([info("A")])
        lists.resolve(vendor, "acct", "VIP", now=NOW)
        vendor.lists = [info("A", "Renamed"), info("B")]

        assert lists.resolve(vendor, "acct", "VIP", now=NOW).list_id == "A"

    def test_keeps_one_row_when_another_name_leads_to_the_same_list(self):
        vendor = Vendor([info("A")])
        old = lists.resolve(vendor, "acct", "VIP", now=NOW)
        vendor.lists = [info("A", "Renamed")]

        assert lists.resolve(vendor, "acct", "Renamed", now=NOW).pk == old.pk
        assert AudienceList.objects.count() == 1

    def test_asks_which_of_two(self):
        with pytest.raises(NeedsDecision) as caught:
            lists.resolve(Vendor([info("A"), info("B")]), "acct", "VIP", now=NOW)

        assert caught.value.code == "list_ambiguous"

    def test_waits_while_another_worker_may_be_making_it(self):
        row = lists.claim("acct", "VIP")
        AudienceList.objects.filter(pk=row.pk).update(creating_until=NOW + timedelta(seconds=40))
        vendor = Vendor()

        with pytest.raises(HoldOn) as caught:
            lists.resolve(vendor, "acct", "VIP", now=NOW)

        assert caught.value.until == NOW + timedelta(seconds=40)
        assert vendor.created == 0

    def test_looks_for_a_list_whose_making_was_not_answered(self):
        vendor = Vendor(trouble=Ambiguous("answer_lost", "Nothing came."))
        with pytest.raises(Ambiguous):
            lists.resolve(vendor, "acct", "VIP", now=NOW)
        vendor.trouble = None

        with pytest.raises(HoldOn):
            lists.resolve(vendor, "acct", "VIP", now=NOW + timedelta(seconds=89))
        found = lists.resolve(vendor, "acct", "VIP", now=NOW + timedelta(seconds=91))

        assert found.list_id == "L0"
        assert vendor.created == 1

    def test_makes_nobody_wait_after_a_plain_refusal(self):
        vendor = Vendor(trouble=Rejected("rejected", "No."))
        with pytest.raises(Rejected):
            lists.resolve(vendor, "acct", "VIP", now=NOW, max_lists=1000)
        vendor.trouble = None

        assert lists.resolve(vendor, "acct", "VIP", now=NOW, max_lists=1000).list_id == "L0"

    @pytest.mark.parametrize("refusal", [Rejected("rejected", "No."), NeedsDecision("max_lists", "Limit.")])
    def test_counts_when_a_refusal_may_mean_a_full_account(self, refusal):
        vendor = Vendor(others=1000, trouble=refusal)

        with pytest.raises(NeedsDecision) as caught:
            lists.resolve(vendor, "acct", "VIP", now=NOW, max_lists=1000)

        assert caught.value.code == "max_lists"
        assert "1000 lists" in caught.value.message


@pytest.mark.django_db
class TestPin:
    def test_refuses_another_list_than_the_one_that_is_bound(self):
        row = lists.pin(lists.claim("acct", "VIP"), "A")

        with pytest.raises(NeedsDecision):
            lists.pin(row, "B")

    def test_keeps_accounts_apart(self):
        lists.pin(lists.claim("acct", "VIP"), "A")

        assert lists.pin(lists.claim("other", "VIP"), "A").list_id == "A"


class TestAtTheWire:
    def test_recognises_a_full_account(self, session, klaviyo):
        klaviyo.fill_lists(990)
        klaviyo.segments("Buyers", 10)

        with pytest.raises(NeedsDecision) as caught:
            lists.resolve(session.client, klaviyo.id, "One more", now=NOW, max_lists=1000)

        assert caught.value.code == "max_lists"
        assert len(klaviyo.log(operation="POST /api/lists")) == 1
