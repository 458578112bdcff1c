"""A form on a page: shown, sent, and shown again with everything that was typed when it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from flask import flash, g, redirect, render_template, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

import forms
from engine import db, options
from engine.errors import Conflict, InvalidInput, InvalidState
from web import uploads, wording

Typed = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A page with nothing else on it."""

    form: str
    title: str
    part_of: str
    """What the page it belongs to is called."""
    back: str
    """The address of that page."""
    done: str
    """What is said when it was kept."""
    note: str = ""


def show(entry: Entry, values: Mapping[str, Any], errors: Mapping[str, Any] | None = None, refused: str = "") -> str:
    form = forms.get(entry.form)
    with db.reading() as session:
        return render_template(
            "entry.html", asked=entry, form=form, values=values, errors=errors or {}, refused=refused,
            options=options.of_form(session, form),
        )  # fmt: skip


def send(entry: Entry, act: Callable[[Session, Typed], object]) -> ResponseReturnValue:
    """Check what was submitted and act on it."""
    typed, errors = uploads.submitted()
    if wording.MORE_ROWS in request.form or errors:
        return show(entry, typed, errors), 422 if errors else 200

    def check_and_act(session: Session, typed: Typed) -> None:
        form = forms.get(entry.form)
        act(session, form.load(typed, options.of_form(session, form)))

    try:
        return attempt(typed, check_and_act, partial(show, entry), done=entry.done, back=entry.back)
    except (InvalidInput, InvalidState, Conflict) as error:
        return show(entry, typed, refused=error.advice), 422 if isinstance(error, InvalidInput) else 409


def page(entry: Entry, values: Mapping[str, Any], act: Callable[..., object], *about: object) -> ResponseReturnValue:
    """The form as it begins; once it is submitted, the act of the engine: on what it is about, with what was submitted."""
    if request.method == "POST":
        return send(entry, lambda session, data: act(session, *about, data, actor=g.actor))
    return show(entry, values)


def with_days(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """What was submitted, with days where the form has text."""
    days = {name: date.fromisoformat(data[name]) if data[name] else None for name in names}
    return {**data, **days}


def attempt(
    typed: Typed,
    act: Callable[[Session, Typed], object],
    again: Callable[[Typed, dict[str, Any]], str],
    *,
    done: str,
    back: str,
) -> ResponseReturnValue:
    """Act in one transaction and go back; or show the page again, with what was typed and what is wrong with it."""
    try:
        with db.transaction() as session:
            act(session, typed)
    except ValidationError as error:
        return again(typed, error.messages_dict), 422
    flash(done)
    return redirect(back)
