"""REST credentials are remembered for a while, but never longer than they are good."""

from __future__ import annotations

import time
from base64 import b64encode
from datetime import timedelta
from functools import partial

import pytest
from werkzeug.security import check_password_hash, generate_password_hash

from engine import clock, db, identity
from tests.driver import PASSWORD, Bureau
from web.rest import authentication


@pytest.fixture
def slow_hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Counts how often a password hash is really computed."""
    computed: list[str] = []
    compute = check_password_hash

    def counted(stored: str, password: str) -> bool:
        computed.append(stored)
        return compute(stored, password)

    monkeypatch.setattr(identity, "check_password_hash", counted)
    monkeypatch.setattr(authentication, "_remembered", {})
    return computed


def ask(bureau: Bureau, password: str = PASSWORD) -> int:
    credentials = b64encode(f"jj_head:{password}".encode()).decode()
    answer = bureau.app.test_client().get("/engine-rest/task/count", headers={"Authorization": f"Basic {credentials}"})
    return answer.status_code


def test_a_verified_credential_is_not_hashed_again(bureau: Bureau, slow_hashes: list[str]) -> None:
    assert [ask(bureau) for _ in range(5)] == [200] * 5
    assert len(slow_hashes) == 1
    assert ask(bureau, "wrong") == 401
    assert len(slow_hashes) == 2


def test_it_is_forgotten_after_a_minute(
    bureau: Bureau, slow_hashes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(bureau)
    later = time.monotonic() + authentication.REMEMBERED_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert ask(bureau) == 200
    assert len(slow_hashes) == 2


@pytest.mark.parametrize("change", ["password", "disabled"])
def test_a_change_ends_it_at_once(bureau: Bureau, change: str) -> None:
    assert ask(bureau) == 200
    with db.transaction() as session:
        person = identity.find(session, "jj_head")
        assert person is not None
        person.credential_version += 1
        if change == "password":
            person.password_hash = generate_password_hash("another-password")
        else:
            person.active = False
    assert ask(bureau) == 401


def test_a_browser_left_alone_for_half_an_hour_is_logged_out(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    officer = bureau.person("jj_officer1")
    now = clock.now()
    for minutes, status in [(20, 200), (40, 200), (69, 200), (100, 302)]:
        later = now + timedelta(minutes=minutes)
        monkeypatch.setattr(clock, "now", partial(lambda moment: moment, later))
        assert officer.get("/tasks").status == status
