"""Which lists of a full account are likely to be spare; no database."""

import json

from workflows.groups import Group, Ours, Survey, likeliest_first, to_look_at, why_kept


def a_list(name: str, *, updated: str = "2024-01-01", **found: object) -> Group:
    return Group("list", name, name, "2020-01-01", updated, **found)  # type: ignore[arg-type]


OURS = Ours(frozenset({"made", "fed"}), {"fed": "People to VIP", "name:by name": "People to it"})


class TestOurs:
    def test_knows_a_list_by_its_id_or_by_its_name(self):
        assert OURS.feeds(a_list("fed")) == "People to VIP"
        assert OURS.feeds(a_list("by name")) == "People to it"
        assert OURS.feeds(Group("segment", "fed", "by name")) == ""

    def test_has_made_no_segment(self):
        assert OURS.made_it(a_list("made"))
        assert not OURS.made_it(Group("segment", "made", "made"))


class TestCandidates:
    def test_are_those_we_made_and_then_the_oldest(self):
        groups = [a_list("new"), a_list("old", updated="2019-01-01"), a_list("made"), a_list("fed")]

        found = to_look_at(Survey(groups=groups), OURS, 3)

        assert [group.name for group in found] == ["made", "old", "new"]

    def test_leave_out_what_was_looked_at(self):
        groups = [a_list("new"), a_list("old", updated="2019-01-01")]
        survey = Survey(groups=groups, looked={"list:old": {"members": 1, "flows": []}})

        assert [group.name for group in to_look_at(survey, OURS, 2)] == ["new"]
        assert to_look_at(survey, OURS, 1) == []

    def test_come_with_what_is_in_use_last(self):
        groups = [
            a_list("fed", members=0, flows=()),
            a_list("flowing", members=0, flows=("Welcome",)),
            a_list("full", members=7, flows=()),
            a_list("unknown"),
            a_list("empty", members=0, flows=()),
            a_list("made", members=9, flows=()),
        ]

        found = [group.name for group in likeliest_first(groups, OURS)]

        assert found[:4] == ["made", "empty", "full", "unknown"]
        assert set(found[4:]) == {"fed", "flowing"}

    def test_say_why_one_is_kept(self):
        assert why_kept(a_list("fed"), OURS) == "“People to VIP” feeds it."
        assert why_kept(a_list("x", flows=("A", "B")), OURS) == "It starts “A”, “B”."
        assert why_kept(a_list("x"), OURS) == ""


class TestSurvey:
    def test_goes_on_from_what_was_kept(self):
        survey = Survey(groups=[a_list("one")], cursors={"list": None, "segment": "abc"})
        survey.looked["list:one"] = {"members": 3, "flows": None}

        again = Survey.of(json.loads(json.dumps(survey.as_json())))

        assert again == survey
        assert again.known() == [a_list("one", members=3)]
        assert (again.used, again.count("list"), again.count("segment")) == (1, 1, 0)
