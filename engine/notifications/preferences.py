"""我的设置: where mail reaches a person, and whether it may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, validate
from sqlalchemy.orm import Session

import forms
from engine.identity import Actor
from engine.models import Person

FORM = "preferences"
_is_address = validate.Email(error="不是邮箱地址，应如name@example.cn")


def of(session: Session, *, actor: Actor) -> Person:
    return session.get_one(Person, actor.id)


def change(session: Session, submitted: Mapping[str, Any], *, actor: Actor) -> None:
    """Set the actor's own address and wish."""
    told, person = forms.get(FORM).load(submitted), of(session, actor=actor)
    if told["email"] is not None:
        _require_address(told["email"])
    person.email, person.wants_mail = told["email"], told["wants_mail"]
    session.flush()


def _require_address(written: str) -> None:
    try:
        _is_address(written if written.isascii() else "")
    except ValidationError as error:
        raise ValidationError({"email": error.messages}) from error
