"""The table of moves: complete, and without a way out of the end."""

from workflows.moves import CLAIMABLE, FINAL, LIVE, MOVES, State


class TestMoves:
    def test_names_every_state(self):
        assert set(MOVES) == set(State)

    def test_ends_where_it_should(self):
        assert {state for state, to in MOVES.items() if not to} == FINAL - {State.FAILED}

    def test_reaches_an_end_from_every_live_state(self):
        for state in LIVE:
            reached, grown = {state}, {state}
            while grown:
                grown = {to for was in grown for to in MOVES[was]} - reached
                reached |= grown
            assert reached & FINAL, state

    def test_lets_no_worker_claim_what_waits_for_a_person(self):
        assert State.PAUSED not in CLAIMABLE
