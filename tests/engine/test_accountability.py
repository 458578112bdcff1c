"""No case under a law that is not in force yet."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from engine import db
from engine.accountability import cases
from engine.errors import InvalidState
from engine.models import Unit
from tests.driver import Bureau


def test_before_the_law_is_in_force_no_case_is_opened(bureau: Bureau) -> None:
    with db.reading() as session:
        unit = session.scalars(select(Unit).where(Unit.key == "JIANGYIN_XX")).one()
        with pytest.raises(InvalidState) as refused:
            cases.open_case(session, unit=unit, situation="delay", facts="滞后", actor=None)
    assert "自2021-09-01起施行" in refused.value.advice
    answer = bureau.person("duxue1").get("/accountability/new")
    assert (answer.status, answer.says("尚未施行")) == (409, True)
