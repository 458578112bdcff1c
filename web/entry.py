"""A page with one form on it: shown, sent, and shown again with everything that was typed when it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

import forms
from engine import db, options
from engine.errors import Conflict, InvalidInput, InvalidState


@dataclass(frozen=True)
class Entry:
    form: str
    title: str
    part_of: str
    """What the page it belongs to is called."""
    back: str
    """The address of that page."""
    done: str
    """What is said when it was kept."""
    note: str = ""


def show(entry: Entry, values: Mapping[str, Any], *, errors: Mapping[str, Any] | None = None, refused: str = "") -> str:
    form = forms.get(entry.form)
    with db.reading() as session:
        return render_template(
            "entry.html", asked=entry, form=form, values=values, errors=errors or {}, refused=refused,
            options=options.of_form(session, form),
        )  # fmt: skip


def send(entry: Entry, act: Callable[[Session, dict[str, Any]], object]) -> ResponseReturnValue:
    """Check what was submitted and act on it in one transaction."""
    submitted = {key: value for key, value in request.form.items() if key != "csrf_token"}
    try:
        form = forms.get(entry.form)
        with db.transaction() as session:
            act(session, form.load(submitted, options.of_form(session, form)))
    except ValidationError as error:
        return show(entry, submitted, errors=error.messages_dict), 422
    except (InvalidInput, InvalidState, Conflict) as error:
        return show(entry, submitted, refused=error.advice), 422 if isinstance(error, InvalidInput) else 409
    flash(entry.done)
    return redirect(entry.back)
