"""The table lacks no code, no reason and no way out, and what it prints adds up."""

from dataclasses import replace

from tests.faults.codes import document, printing, table
from tests.faults.codes.row import End, Row
from workflows.catalogue import CATALOGUE
from workflows.resolutions import WAYS

ROW = Row("guard", "", "approve", "A plan waits.", "", "Continue", "succeeded", True, End.VERIFIED, 2.0)


class TestTable:
    def test_has_a_row_for_each_way_out_of_the_catalogue(self):
        assert table.held() == table.promised()

    def test_knows_no_way_out_that_does_not_exist(self):
        assert {name for _, _, name in table.promised()} <= WAYS.keys()

    def test_has_two_ways_out_of_every_code(self):
        ways = {code: {row.press.resolution for row in table.ROWS if row.code == code} for code in CATALOGUE}

        assert {code: names for code, names in ways.items() if len(names) < 2} == {}

    def test_ends_verified_wherever_nobody_gives_up(self):
        others = {row.press.resolution for row in table.ROWS if row.end != End.VERIFIED}

        assert others == {"discard", "set_aside"}


class TestPrinting:
    def test_says_what_a_row_came_to(self):
        told = printing.table([ROW])

        assert "Waits for approval (guard)" in told
        assert "ok   approve" in told
        assert "succeeded, verified" in told

    def test_says_why_a_row_is_not_proved(self):
        failed = replace(ROW, trouble="it ended paused guard: Too many.", verified=False)

        told = printing.table([failed])
        sums = printing.summary([ROW, failed], wanted=3, seconds=12.0, where="through the page")

        assert "FAIL" in told
        assert "Too many." in told
        assert sums.endswith(
            "1 of 3 ways out proved through the page: 1 codes, 0 reasons of rows · 1 verified · "
            "0 given up · 0 left as it is · 1 failed, 1 not played · 12 s"
        )


class TestDocument:
    def test_says_what_the_catalogue_says(self):
        page = document.PLACE.read_text(encoding="utf-8")

        assert page == document.filled(page), "write it anew: python -m tests.faults.codes.document"
        assert all(f"`{code}`" in page for code in CATALOGUE)
