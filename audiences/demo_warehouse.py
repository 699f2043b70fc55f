"""A small shop in one DuckDB file, made up, the same for the same seed, and as untidy as a real one.

Every address ends in a domain that is reserved for examples, and every phone lies in a range that its
country keeps for fiction, so that nobody can be reached by mistake.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

FIRST = (
    "Ada Grace Alan Edsger Barbara Donald Frances John Jean Kathleen Niklaus Hedy Tim Radia Dennis Margaret "
    "Ken Annie Linus Mary Claude Sophie Konrad Joan Bjarne Karen Guido Lynn Ole Anita"
)
LAST = (
    "Lovelace Hopper Turing Dijkstra Liskov Knuth Allen Backus Bartik Booth Wirth Lamarr Berners Perlman "
    "Ritchie Hamilton Thompson Easley Keller Shannon Wilson Zuse Clarke Jones Rossum Conway Borg Hoare"
)
DOMAINS = ("example.com", "example.net", "example.org")
COUNTRIES = ("Germany", "United States", "United Kingdom", "France", "Australia")
CITIES = (
    "Berlin Hamburg Köln München Frankfurt",
    "Boston Chicago Denver Seattle Austin",
    "London Leeds Bristol Glasgow Sheffield",
    "Paris Lyon Lille Nantes Rennes",
    "Sydney Perth Hobart Darwin Cairns",
)
# The parts of a number before its last digits: kept for fiction by the regulator of each country.
GERMAN = ("30 23125", "69 90009", "40 66969", "221 4710", "89 99998")
BRITISH = ("20 7946 0", "113 496 0", "114 496 0", "121 496 0", "131 496 0")
AMERICAN = (
    "201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 "
    "248 251 252 253 254 256 260 262 267 269 270 276 281 301 302 303 304 305 307 308 309 310 312 313 314"
)
# So many customers have phones that all differ; those after them give none.
WITH_PHONE = 25_000


@dataclass(frozen=True)
class Changed:
    """What a change did to the warehouse, in customers."""

    new: int
    withdrew: int
    ordered: int
    number: int


def build(path: Path, *, customers: int = 50_000, seed: int = 1) -> None:
    """Make the warehouse at `path` with so many rows of customers, and about two orders each.

    About one row in 100 repeats another person's address, and one in 100 has none that could be used.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.unlink(missing_ok=True)
    with duckdb.connect(str(unfinished)) as connection:
        _prepare(connection, seed)
        connection.execute("CREATE TABLE customers AS SELECT * FROM made_up(1, ?)", [customers])
        connection.execute(_ORDERS, [customers, customers])
        connection.execute("CREATE TABLE changes (number INTEGER, seed INTEGER)")
        connection.execute("INSERT INTO changes VALUES (0, ?)", [seed])
        connection.execute("DROP TABLE words")
    unfinished.replace(path)


def change(path: Path, *, seed: int = 1) -> Changed:
    """Let some time pass: people come, withdraw their consent, and order; each call changes others.

    The same warehouse with the same seed changes in the same way.
    """
    with duckdb.connect(str(path)) as connection:
        _prepare(connection, seed)
        number = _one(connection, "SELECT max(number) + 1 FROM changes")
        customers = _one(connection, "SELECT max(customer_id) FROM customers")
        some = max(3, customers // 400)
        connection.execute("BEGIN")
        connection.execute(
            "INSERT INTO customers SELECT * FROM made_up(?, ?)", [customers + 1, customers + some]
        )
        ordered = _one(connection, _ORDER_MORE, [number, customers // some])
        withdrew = _one(connection, _WITHDRAW, [number, customers // some])
        connection.execute("INSERT INTO changes VALUES (?, ?)", [number, seed])
        connection.execute("DROP TABLE words")
        connection.execute("COMMIT")
    return Changed(new=some, withdrew=withdrew, ordered=ordered, number=number)


def loyal(path: Path) -> list[str]:
    """Return the plainly written addresses of customers who agree to marketing, in the order they came."""
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute(_LOYAL).fetchall()
    return [address for (address,) in found]


def _prepare(connection: duckdb.DuckDBPyConnection, seed: int) -> None:
    """Give the connection its words and its dice: `pick(i, salt, n)` is 0 … n-1, everywhere the same."""
    connection.execute(
        "CREATE TABLE words AS SELECT ?::VARCHAR[] AS first, ?::VARCHAR[] AS last, ?::VARCHAR[] AS domains, "
        "?::VARCHAR[] AS countries, ?::VARCHAR[] AS cities, ?::VARCHAR[] AS german, ?::VARCHAR[] AS british, "
        "?::VARCHAR[] AS american",
        [
            FIRST.split(),
            LAST.split(),
            DOMAINS,
            COUNTRIES,
            " ".join(CITIES).split(),
            GERMAN,
            BRITISH,
            AMERICAN.split(),
        ],
    )
    connection.execute(
        "CREATE OR REPLACE TEMP MACRO pick(i, salt, n) AS "
        f"(md5_number_lower(concat('{int(seed)}:', salt, ':', i)) % n)::BIGINT"
    )
    for macro in (_PHONE, _ADDRESS, _MADE_UP):
        connection.execute(macro)


def _one(connection: duckdb.DuckDBPyConnection, sql: str, given: list[int] | None = None) -> int:
    row = connection.execute(sql, given or []).fetchone()
    return int(row[0]) if row else 0


# `k` counts the customers of one country: each has a number of their own, written in one of many ways.
_PHONE = f"""
CREATE OR REPLACE TEMP MACRO phone(i, country, k) AS CASE
  WHEN i > {WITH_PHONE} OR pick(i, 'has phone', 10) < 4 THEN NULL
  WHEN pick(i, 'bad phone', 250) = 0 THEN ['call me', '12', 'n/a', '+49 0'][1 + pick(i, 'which', 4)]
  WHEN country = 0 THEN CASE pick(i, 'style', 4)
    WHEN 0 THEN '0' || german[1 + k // 1000] || printf(' %03d', k % 1000)
    WHEN 1 THEN '+49 ' || german[1 + k // 1000] || printf('-%03d', k % 1000)
    WHEN 2 THEN '0049' || replace(german[1 + k // 1000], ' ', '') || printf('%03d', k % 1000)
    ELSE '(0' || replace(german[1 + k // 1000], ' ', ') ') || printf('/%03d', k % 1000) END
  WHEN country = 1 THEN CASE pick(i, 'style', 3)
    WHEN 0 THEN '+1 (' || american[1 + k // 100] || printf(') 555-01%02d', k % 100)
    WHEN 1 THEN '001-' || american[1 + k // 100] || printf('-555-01%02d', k % 100)
    ELSE '+1.' || american[1 + k // 100] || printf('.555.01%02d', k % 100) END
  WHEN country = 2 THEN CASE pick(i, 'style', 2)
    WHEN 0 THEN '+44 (0)' || british[1 + k // 1000] || printf('%03d', k % 1000)
    ELSE '0044 ' || british[1 + k // 1000] || printf('%03d', k % 1000) END
  WHEN country = 3 THEN CASE pick(i, 'style', 2)
    WHEN 0 THEN '+33 1 99 00 ' || printf('%02d %02d', k // 100, k % 100)
    ELSE '0033.1.99.00.' || printf('%02d.%02d', k // 100, k % 100) END
  ELSE '+61 (02) 5550 ' || printf('%04d', k) END
"""

# One in 50 rows is written in some odd way that can be put right, one in 100 cannot be used.
_ADDRESS = """
CREATE OR REPLACE TEMP MACRO address(i, plain) AS CASE pick(i, 'address', 300)
  WHEN 0 THEN NULL
  WHEN 1 THEN replace(plain, '@', ' at ')
  WHEN 2 THEN replace(plain, '.', '..')
  WHEN 3 THEN upper(plain)
  WHEN 4 THEN '  ' || plain
  WHEN 5 THEN plain || ' '
  WHEN 6 THEN upper(plain[1]) || plain[2:] || chr(8203)
  WHEN 7 THEN replace(plain, 'example.', 'bücher.example.')
  WHEN 8 THEN chr(9) || upper(plain) || '  '
  ELSE plain END
"""

# Every hundredth row is an older person's second account: their address, differently written.
_MADE_UP = """
CREATE OR REPLACE TEMP MACRO made_up(lowest, highest) AS TABLE
WITH numbered AS (
  SELECT i, CASE WHEN i % 100 = 77 THEN i - 1 - pick(i, 'twin', 60) ELSE i END AS p, i % 100 = 77 AS is_twin
  FROM generate_series(lowest, highest) AS series(i)
), people AS (
  SELECT i, p, is_twin, (i % 5)::BIGINT AS country, i // 5 AS k,
         first[1 + pick(p, 'first', len(first))] AS first_name,
         last[1 + pick(p, 'last', len(last))] AS last_name, words.*
  FROM numbered, words
)
SELECT i AS customer_id,
       CASE WHEN is_twin THEN upper(written) ELSE address(i, written) END AS email,
       first_name, last_name,
       phone(i, country, k) AS phone,
       cities[1 + 5 * country + pick(i, 'city', 5)] AS city,
       countries[1 + country] AS country,
       pick(i, 'consent', 50) > 0 AS accepts_marketing,
       DATE '2021-01-01' + pick(i, 'since', 1800)::INTEGER AS customer_since
FROM (SELECT *, lower(first_name || '.' || last_name || p) || '@'
             || domains[1 + pick(p, 'domain', len(domains))] AS written FROM people)
ORDER BY i
"""

_LOYAL = """
SELECT email FROM customers
WHERE accepts_marketing
  AND regexp_full_match(email, '[a-z0-9.]+@example[.][a-z]{3}')
  AND NOT contains(email, '..')
ORDER BY customer_id
"""

_ORDERS = """
CREATE TABLE orders AS
SELECT o AS order_id, 1 + pick(o, 'buyer', ?) AS customer_id,
       ((500 + pick(o, 'total', 20000)) / 100)::DECIMAL(8, 2) AS total,
       DATE '2024-01-01' + pick(o, 'ordered', 700)::INTEGER AS ordered_on
FROM generate_series(1, 2 * ?) AS series(o)
ORDER BY o
"""

# Both take every n-th customer, starting elsewhere at each change, so that changes do not undo each other.
_ORDER_MORE = """
INSERT INTO orders
SELECT (SELECT max(order_id) FROM orders) + row_number() OVER (ORDER BY customer_id), customer_id,
       (500 + pick(customer_id, 'again', 20000)) / 100, DATE '2026-01-01'
FROM customers WHERE (customer_id + 7 * $1) % $2 = 1
"""
_WITHDRAW = """
UPDATE customers SET accepts_marketing = FALSE
WHERE accepts_marketing AND (customer_id + 7 * $1) % $2 = 2
"""
