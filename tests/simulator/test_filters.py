from typing import Any

import pytest

from simulator import filters
from simulator.clock import SECOND
from simulator.filters import Condition
from simulator.wire import Refusal

TEXT = {"operators": {"list": ["any", "equals"]}, "value": {"type": "string"}}
TIME = {
    "operators": {"single": ["greater-than", "less-than"]},
    "value": {"type": "string", "format": "date-time"},
}
ALLOWED = {
    "email": TEXT,
    "name": TEXT,
    "joined_group_at": TIME,
    "is_active": {"operators": {"single": ["equals"]}, "value": {"type": "boolean"}},
    "status": {"operators": {"single": ["equals"]}, "value": {"type": "string", "enum": ["queued"]}},
}
JULY = 1_782_864_000 * SECOND


class TestParse:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ('equals(email,"a@example.org")', [("equals", "email", "a@example.org")]),
            (
                "any(email,['a@example.org', \"b@example.org\"])",
                [("any", "email", ["a@example.org", "b@example.org"])],
            ),
            ('equals(name,"a, (b) [c] \\"d\\"")', [("equals", "name", 'a, (b) [c] "d"')]),
            (
                "greater-than(joined_group_at,2026-07-01T00:00:00Z)",
                [("greater-than", "joined_group_at", JULY)],
            ),
            (
                "less-than(joined_group_at,2026-07-01T02:00:00+02:00),equals(is_active,true)",
                [("less-than", "joined_group_at", JULY), ("equals", "is_active", True)],
            ),
            (
                'and(equals(email,"a"),equals(name,"b"))',
                [("equals", "email", "a"), ("equals", "name", "b")],
            ),
        ],
    )
    def test_reads_conditions(self, text: str, found: list[tuple[str, str, Any]]) -> None:
        assert filters.parse(text, ALLOWED) == tuple(Condition(*parts) for parts in found)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "equals(email,a@example.org)",
            'equals(email,"a@example.org"',
            'equals(email "a@example.org")',
            'equals(email,["a@example.org"])',
            'any(email,"a@example.org")',
            "any(email,[])",
            'any(email,["a@example.org" "b@example.org"])',
            'greater-than(joined_group_at,"2026-07-01T00:00:00Z")',
            "greater-than(joined_group_at,yesterday)",
            "greater-than(joined_group_at,2026-07-01T00:00:00 00:00)",
            'equals(status,"done")',
            'contains(email,"a")',
            'equals(phone,"1")',
            "equals(is_active,yes)",
            'equals(email,"a")equals(name,"b")',
            "and(equals(email,'a')",
        ],
    )
    def test_refuses_what_klaviyo_would_not_read(self, text: str) -> None:
        with pytest.raises(Refusal) as refused:
            filters.parse(text, ALLOWED)

        assert refused.value.status == 400
        assert refused.value.problems[0].source == {"parameter": "filter"}
