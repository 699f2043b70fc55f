"""A file for a machine: what was put in is read back to the letter, and the same rows are the same bytes."""

import csv
import io
import math
import random
import string
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from destinations import csv_file
from destinations.csv_file import CannotWrite, Column, Layout, Size
from destinations.klaviyo.mapping import Target, profile

EMAIL = Column("Email", "email")
ADDRESSES = Layout((EMAIL,))
CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
# Of RFC 5321: what may stand in front of the @ without quotes, and what only within them.
ATEXT = string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~"
QTEXT = "".join(chr(code) for code in range(32, 127) if chr(code) not in '"\\')
atoms = st.lists(st.text(ATEXT, min_size=1, max_size=12), min_size=1, max_size=4).map(".".join)
quoted_pairs = st.text(QTEXT, min_size=1, max_size=2) | st.sampled_from(['\\"', "\\\\", "\\,"])
quoted_strings = st.lists(quoted_pairs, max_size=10).map(lambda parts: f'"{"".join(parts)}"')
addresses = st.builds("{}@example.org".format, atoms | quoted_strings)
SPENT = Target("properties.Spent", "number")
printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=30)
cells = st.none() | printable | st.text("=,\"' +-@|", max_size=6)


def write(path: Path, columns: dict[str, Any], *, group: int = 1000) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=group)
    return path


def rows_of(path: Path, emails: Sequence[str | None], **columns: Any) -> Path:
    keys = [f"{number:032x}" for number in range(len(emails))]
    return write(path, {"key": keys, "email": pa.array(emails, pa.string()), **columns})


def written(path: Path, layout: Layout, **options: Any) -> bytes:
    return b"".join(bytes(block.data) for block in csv_file.blocks(path, layout, **options))


def read_back(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))


def with_columns(*names: str) -> Layout:
    return Layout((EMAIL, *(Column(name.capitalize(), name) for name in names)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("csv")


class TestHeader:
    def test_is_the_headers_to_the_byte_without_a_mark_before_them(self, tmp_path):
        layout = Layout(
            (EMAIL, Column("PhoneNumber", "phone_number"), Column("List ID", None, constant="AbC123"))
        )
        path = rows_of(tmp_path / "rows.parquet", ["ada@example.org"], phone_number=["+46701234567"])

        found = written(path, layout)

        assert found == b"Email,PhoneNumber,List ID\nada@example.org,+46701234567,AbC123\n"

    def test_is_refused_without_one_of_the_identifiers(self):
        with pytest.raises(CannotWrite, match="Email, PhoneNumber, ExternalID"):
            csv_file.header(Layout((Column("email", "email"), Column("List ID", None, constant="x"))))

    def test_is_refused_when_two_columns_are_named_alike(self):
        with pytest.raises(CannotWrite, match="“Tier” twice"):
            csv_file.header(Layout((EMAIL, Column("Tier", "a"), Column("Tier", "b"))))

    @pytest.mark.parametrize("name", ["", " ", "Ti\ner", "Tab\t", "\u0085"])
    def test_is_refused_with_a_name_that_cannot_stand_in_it(self, name):
        with pytest.raises(CannotWrite, match="name"):
            csv_file.header(Layout((EMAIL, Column(name, "tier"))))

    def test_stands_alone_when_there_are_no_rows(self, tmp_path):
        path = rows_of(tmp_path / "none.parquet", [])

        assert written(path, ADDRESSES) == b"Email\n"
        assert csv_file.cut(path, ADDRESSES, max_rows=10, max_bytes=1000) == []


class TestRoundTrip:
    @settings(max_examples=150, deadline=None)
    @given(st.lists(addresses, min_size=1, max_size=40))
    def test_gives_back_every_local_part_that_rfc_5321_allows(self, folder, emails):
        path = rows_of(folder / "addresses.parquet", emails)

        assert read_back(written(path, ADDRESSES)) == [["Email"], *([email] for email in emails)]

    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.tuples(addresses, cells, cells), min_size=1, max_size=30))
    def test_gives_back_every_printable_text(self, folder, rows):
        emails, tiers, notes = zip(*rows, strict=True)
        columns = {"tier": pa.array(tiers, pa.string()), "note": pa.array(notes, pa.string())}
        path = rows_of(folder / "texts.parquet", emails, **columns)

        found = read_back(written(path, with_columns("tier", "note")))

        assert found[1:] == [[email, tier or "", note or ""] for email, tier, note in rows]

    def test_leaves_two_hundred_formulas_as_they_are(self, tmp_path):
        starts = [
            "=",
            "+",
            "-",
            "@",
            "=cmd|' /C calc'!A",
            "=HYPERLINK(",
            "+SUM(1,2)",
            '-2+3&"x"',
            "@SUM(",
            "'=",
        ]
        payloads = [f"{start}{number}" for start in starts for number in range(20)]
        emails = [f"+tag{number}@example.org" for number in range(200)]
        path = rows_of(tmp_path / "formulas.parquet", emails, note=payloads)

        found = read_back(written(path, with_columns("note")))

        assert found[1:] == [[email, note] for email, note in zip(emails, payloads, strict=True)]

    def test_quotes_nothing_that_does_not_need_it(self, tmp_path):
        path = rows_of(tmp_path / "plain.parquet", ["=cmd@example.org"], note=["it's = plain; text\u2028"])

        assert b'"' not in written(path, with_columns("note"))

    def test_gives_back_ten_thousand_wild_rows(self, tmp_path):
        wild = random.Random(20261121)
        alphabet = ",\"'=+-@ éß漢🙂\u2028\u00a0\ufeff" + string.printable[:94]
        texts = ["".join(wild.choices(alphabet, k=wild.randrange(12))) for _ in range(10_000)]
        emails = [f"person.{number}@example.org" for number in range(10_000)]
        path = rows_of(tmp_path / "wild.parquet", emails, note=texts)

        found = read_back(written(path, with_columns("note"), max_bytes=777))

        assert found[1:] == [[email, text] for email, text in zip(emails, texts, strict=True)]

    def test_writes_an_empty_only_cell_as_a_row(self, tmp_path):
        path = rows_of(tmp_path / "empty.parquet", ["", None, "ada@example.org"])

        found = written(path, ADDRESSES)

        assert found == b'Email\n""\n""\nada@example.org\n'
        assert len(read_back(found)) == 4


class TestValues:
    @pytest.mark.parametrize(
        ("number", "text"),
        [
            (1.0, "1"),
            (0.1, "0.1"),
            (-0.0, "0"),
            (-2.5, "-2.5"),
            (1e20, "100000000000000000000"),
            (1.5e16, "15000000000000000"),
            (1e-7, "0.0000001"),
            (-1.25e-9, "-0.00000000125"),
            (123456.789, "123456.789"),
            (math.nan, ""),
            (math.inf, ""),
            (-math.inf, ""),
            (None, ""),
        ],
    )
    def test_writes_a_number_in_digits_alone(self, tmp_path, number, text):
        path = rows_of(tmp_path / "n.parquet", ["ada@example.org"], spent=pa.array([number], pa.float64()))

        assert written(path, with_columns("spent")).decode().splitlines()[1] == f"ada@example.org,{text}"

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.floats(), min_size=1, max_size=50))
    def test_writes_the_number_that_goes_by_api(self, folder, numbers):
        emails = [f"{place}@example.org" for place in range(len(numbers))]
        path = rows_of(folder / "floats.parquet", emails, spent=pa.array(numbers, pa.float64()))
        by_api = [
            profile({"row_no": 1, "key": "k", "email": "e", "properties.Spent": number}, [SPENT])
            .resource["attributes"]
            .get("properties", {})
            .get("Spent")
            for number in numbers
        ]

        found = [row[1] for row in read_back(written(path, with_columns("spent")))[1:]]

        assert [float(text) if text else None for text in found] == by_api
        assert not any("e" in text.lower() or text == "-0" for text in found)

    def test_writes_the_other_types_as_an_import_by_api_sends_them(self, tmp_path):
        columns = {
            "orders": pa.array([2**53 + 1, None], pa.int64()),
            "member": pa.array([True, False]),
            "since": pa.array(["2026-11-21", None], pa.string()),
            "tags": pa.array(['["a","b"]', '{"a":{"b":1}}'], pa.string()),
        }
        path = rows_of(tmp_path / "types.parquet", ["a@example.org", "b@example.org"], **columns)

        found = read_back(written(path, with_columns(*columns)))

        assert found[1:] == [
            ["a@example.org", "9007199254740993", "true", "2026-11-21", '["a","b"]'],
            ["b@example.org", "", "false", "", '{"a":{"b":1}}'],
        ]


class TestDeterminism:
    @settings(max_examples=40, deadline=None)
    @given(st.integers(1, 700), st.integers(1, 400), st.integers(30, 5000))
    def test_gives_the_same_bytes_however_they_are_read(self, folder, group, read_rows, max_bytes):
        wild = random.Random(7)
        emails = [f"person.{number}@example.org" for number in range(500)]
        notes = [wild.choice([None, "", "x, y", 'a "b"', "漢字", "plain"]) for _ in emails]
        path = rows_of(folder / "one.parquet", emails, note=notes)
        other = folder / "other.parquet"
        pq.write_table(pq.read_table(path), other, row_group_size=group)

        with pytest.MonkeyPatch.context() as patch:
            plain = written(path, with_columns("note"))
            patch.setattr(csv_file, "READ_ROWS", read_rows)

            assert written(other, with_columns("note"), max_bytes=max_bytes) == plain

    def test_puts_parts_together_to_the_rows_of_one_file(self, tmp_path):
        emails = [f"person.{number}@example.org" for number in range(1000)]
        path = write(tmp_path / "rows.parquet", {"email": emails}, group=64)

        parts = [written(path, ADDRESSES, offset=offset, limit=333) for offset in (0, 333, 666, 999)]

        heads, tails = zip(*(part.split(b"\n", 1) for part in parts), strict=True)
        assert set(heads) == {b"Email"}
        assert b"Email\n" + b"".join(tails) == written(path, ADDRESSES)


class TestBlocks:
    @pytest.mark.parametrize("max_bytes", [1, 40, 100, 4096])
    def test_end_with_a_whole_row_and_count_it(self, tmp_path, max_bytes):
        emails = [f"{'x' * (number % 50)}.{number}@example.org" for number in range(300)]
        path = rows_of(tmp_path / "rows.parquet", emails)

        found = list(csv_file.blocks(path, ADDRESSES, max_bytes=max_bytes))

        assert all(bytes(block.data).endswith(b"\n") for block in found)
        assert all(
            bytes(block.data).count(b"\n") == block.rows + (place == 0) for place, block in enumerate(found)
        )
        assert all(len(block.data) <= max_bytes or block.rows == 1 for block in found)
        assert sum(block.rows for block in found) == 300

    def test_are_given_up_without_leaving_threads_behind(self, tmp_path):
        path = rows_of(tmp_path / "rows.parquet", [f"{n}@example.org" for n in range(1000)])
        blocks = csv_file.blocks(path, ADDRESSES, max_bytes=100)

        next(blocks)
        blocks.close()

        assert list(blocks) == []
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("csv")]


class TestCut:
    def test_fills_parts_by_rows(self, tmp_path):
        path = rows_of(tmp_path / "rows.parquet", [f"{n:03}@example.org" for n in range(250)])

        parts = csv_file.cut(path, ADDRESSES, max_rows=100, max_bytes=1 << 20)

        assert parts == [Size(100, 6 + 100 * 16), Size(100, 6 + 100 * 16), Size(50, 6 + 50 * 16)]

    @settings(max_examples=30, deadline=None)
    @given(st.integers(1, 40), st.integers(60, 1500))
    def test_says_the_bytes_each_part_will_have(self, folder, max_rows, max_bytes):
        emails = [f"{'y' * (number % 37)}.{number}@example.org" for number in range(80)]
        path = rows_of(folder / "cut.parquet", emails)

        parts = csv_file.cut(path, ADDRESSES, max_rows=max_rows, max_bytes=max_bytes)

        assert sum(part.rows for part in parts) == 80
        offset = 0
        for part in parts:
            assert len(written(path, ADDRESSES, offset=offset, limit=part.rows)) == part.bytes
            assert part.rows <= max_rows
            assert part.bytes <= max_bytes or part.rows == 1
            offset += part.rows


class TestUnfit:
    @pytest.mark.parametrize("control", CONTROLS)
    def test_names_every_control_character(self, tmp_path, control):
        path = rows_of(
            tmp_path / "c.parquet", ["a@example.org", "b@example.org"], note=["fine", f"x{control}y"]
        )

        found = csv_file.unfit(path, with_columns("note"))

        assert found == {f"{1:032x}": ("control_character", "Note")}

    @pytest.mark.parametrize("text", ["\u00a0", "\u2028", "\u200b", "\ufeff", "Â", "é", "漢", "🙂", "~"])
    def test_lets_every_other_character_stand(self, tmp_path, text):
        path = rows_of(tmp_path / "c.parquet", ["a@example.org"], note=[text])

        assert csv_file.unfit(path, with_columns("note")) == {}

    def test_names_the_first_column_and_passes_over_what_is_not_sent(self, tmp_path):
        columns = {"a": ["\t"], "b": ["\n"], "c": ["\r"]}
        path = rows_of(tmp_path / "c.parquet", ["a@example.org"], **columns)

        assert csv_file.unfit(path, with_columns("b", "a")) == {f"{0:032x}": ("control_character", "B")}
        assert csv_file.unfit(path, ADDRESSES) == {}

    def test_is_the_only_way_past_a_file(self, tmp_path):
        path = rows_of(tmp_path / "c.parquet", ["a@example.org"], note=["one\ntwo"])

        with pytest.raises(CannotWrite, match="control character"):
            written(path, with_columns("note"))
        with pytest.raises(CannotWrite, match="control character"):
            csv_file.cut(path, with_columns("note"), max_rows=1, max_bytes=100)
