"""The made-up shop: the same everywhere, untidy in known ways, and nobody's real data."""

from pathlib import Path

import duckdb
import pytest

from audiences import demo_warehouse, normalise

GERMAN = ("+493023125", "+496990009", "+494066969", "+492214710", "+498999998")
BRITISH = ("+4420794", "+441134960", "+441144960", "+441214960", "+441314960")
KEPT_FOR_FICTION = (*GERMAN, *BRITISH, "+1", "+3319900", "+6125550")
WELL_WRITTEN = "length(phone) > 7"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "warehouse.duckdb"
    demo_warehouse.build(path, customers=5_000, seed=7)
    return path


def rows(path: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def everything(path: Path) -> tuple[list[tuple], list[tuple]]:
    customers = rows(path, "SELECT * FROM customers ORDER BY customer_id")
    return customers, rows(path, "SELECT * FROM orders ORDER BY order_id")


def refusals(values: list[object]) -> dict[str, int]:
    found: dict[str, int] = {}
    for value in values:
        try:
            normalise.email(value)
        except normalise.Refused as refused:
            found[refused.reason] = found.get(refused.reason, 0) + 1
    return found


class TestBuild:
    def test_makes_the_same_shop_for_the_same_seed(self, shop: Path, tmp_path: Path):
        again = tmp_path / "again.duckdb"

        demo_warehouse.build(again, customers=5_000, seed=7)

        assert everything(again) == everything(shop)

    def test_makes_another_shop_for_another_seed(self, shop: Path, tmp_path: Path):
        other = tmp_path / "other.duckdb"

        demo_warehouse.build(other, customers=5_000, seed=8)

        assert everything(other) != everything(shop)

    def test_writes_some_addresses_in_odd_ways_and_some_that_cannot_be_used(self, shop: Path):
        written = [address for (address,) in rows(shop, "SELECT email FROM customers")]

        refused = refusals(written)

        assert 5_000 * 0.005 < sum(refused.values()) < 5_000 * 0.02
        assert set(refused) == {"email_missing", "email_invalid"}
        clean = [address for address in written if address and refusals([address]) == {}]
        assert sum(normalise.email(address) != address for address in clean) > 50
        assert len({normalise.email(address) for address in clean}) < len(clean)

    def test_gives_nobody_an_address_or_a_phone_of_a_real_person(self, shop: Path):
        found = rows(shop, f"SELECT email, phone FROM customers WHERE email LIKE '%@%' AND {WELL_WRITTEN}")

        for address, phone in found:
            assert "example." in address.lower()
            assert normalise.phone(phone, "DE").startswith(KEPT_FOR_FICTION)

    def test_gives_every_phone_to_one_customer(self, shop: Path):
        phones = rows(shop, f"SELECT phone FROM customers WHERE {WELL_WRITTEN}")

        clean = [normalise.phone(phone, "DE") for (phone,) in phones]

        assert len(set(clean)) == len(clean) > 1_000


class TestChange:
    def test_changes_a_few_customers_and_others_the_next_time(self, tmp_path: Path):
        path = tmp_path / "warehouse.duckdb"
        demo_warehouse.build(path, customers=2_000)
        before = everything(path)

        first = demo_warehouse.change(path)
        between = everything(path)
        second = demo_warehouse.change(path)

        assert (first.number, second.number) == (1, 2)
        assert len(between[0]) - len(before[0]) == first.new == 5
        assert len(between[1]) - len(before[1]) == first.ordered
        assert 0 < first.withdrew <= 5
        assert everything(path) != between


class TestLoyal:
    def test_names_people_who_agree_and_can_be_reached(self, shop: Path):
        found = demo_warehouse.loyal(shop)

        assert len(found) > 4_000
        assert refusals(list(found)) == {}
