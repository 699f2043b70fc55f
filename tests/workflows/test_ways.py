"""How a plan goes, laid out for a page: nothing is called slower that is not."""

import pytest

from workflows import ways

PLAN = {
    "path": "api",
    "way": "import",
    "why": "By import jobs 40 s, by SFTP 35 s. SFTP gains too little.",
    "estimate_seconds": 40.0,
    "arithmetic": ["2 import jobs: 30 s (from 3 earlier runs)", "Everything in between: 10 s", "Odd"],
    "others": [
        {"way": "single", "seconds": None, "why_not": "More than 100 people are new."},
        {"way": "sftp", "seconds": 35.0, "why_not": ""},
    ],
}


class TestWays:
    def test_puts_the_chosen_one_first_and_what_cannot_be_last(self):
        found = ways.ways(PLAN)

        assert [(way.label, way.chosen) for way in found] == [
            ("Import jobs", True),
            ("CSV over SFTP", False),
            ("One call for each new person", False),
        ]
        assert found[2].remark == "More than 100 people are new."

    @pytest.mark.parametrize(
        ("way", "seconds", "remark"),
        [
            ("sftp", 35.0, "faster, by too little"),
            ("import", 39.0, "faster, and not asked for"),
            ("single", 40.0, "not faster"),
            ("single", 41.0, "slower"),
        ],
    )
    def test_compares_with_the_chosen_one(self, way, seconds, remark):
        other = {"way": way, "seconds": seconds, "why_not": ""}

        assert ways.ways({**PLAN, "others": [other]})[1].remark == remark

    def test_has_none_for_a_plan_of_before_there_were_ways(self):
        assert ways.ways({"path": "api", "estimate_seconds": 4.0}) == []


class TestWhy:
    def test_leaves_out_the_times(self):
        assert ways.why(PLAN) == "SFTP gains too little."

    @pytest.mark.parametrize("times", ["One by one 4 s.", "By SFTP 2 min 05 s, by import jobs 3 min 00 s."])
    def test_says_nothing_when_only_times_speak(self, times):
        assert ways.why({"why": times}) == ""

    def test_keeps_who_asked(self):
        told = ways.why({"why": "The data template asks for SFTP. By SFTP 2 min 05 s."})

        assert told == "The data template asks for SFTP."


class TestSums:
    def test_takes_a_sentence_apart(self):
        first, second, odd = ways.sums(PLAN)

        assert (first.words, first.time, first.known) == ("2 import jobs", "30 s", "from 3 earlier runs")
        assert (second.time, second.known) == ("10 s", "")
        assert (odd.words, odd.time) == ("Odd", "")


class TestUploaded:
    def test_adds_up_and_tells_what_became_of_each(self):
        part = {"name": "a.csv", "rows": 10, "bytes": 480, "sha256": "f" * 64, "taken": False, "attempts": 1}

        files = ways.uploaded([part, {**part, "bytes": 2_350_000, "taken": True, "attempts": 3}])

        assert [(each.size, each.remark) for each in files.each] == [
            ("480 bytes", "size checked"),
            ("2.4 MB", "taken away at once, sent 3 times"),
        ]
        assert (files.rows, files.size) == (20, "2.4 MB")
        assert not ways.uploaded([])
