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
_require_address = validate.Email(error="不是邮箱地址，应如name@example.cn")


def change(session: Session, submitted: Mapping[str, Any], *, actor: Actor) -> None:
    """Set the actor's own address and wish."""
    told, person = forms.get(FORM).load(submitted), session.get_one(Person, actor.id)
    address = told["email"]
    try:
        if address is not None:
            _require_address(address if address.isascii() else "")
    except ValidationError as error:
        raise ValidationError({"email": error.messages}) from error
    person.email, person.wants_mail = address, told["wants_mail"]
    session.flush()
