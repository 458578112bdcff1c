"""Every form we ship keeps its contract: it parses, its conditions and choices are known, its texts are Chinese."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import pytest
from marshmallow import ValidationError

import forms
from engine import application, options, user_tasks
from forms import Field, FormInvalid

KEYS = sorted(forms.keys())


def every_field(key: str) -> list[Field]:
    """The fields of a form, and those of its rows."""
    return [each for field in forms.get(key).fields for each in (field, *field.columns)]


def test_forms_are_shipped() -> None:
    assert "plan.draft" in KEYS


@pytest.mark.parametrize("key", KEYS)
def test_it_is_read_and_known_by_the_name_of_its_file(key: str) -> None:
    assert forms.get(key).key == key
    assert forms.get(key) is forms.find(key)


@pytest.mark.parametrize("key", KEYS)
def test_it_speaks_chinese(key: str) -> None:
    for field in every_field(key):
        texts = [field.label, *(label for _, label in field.options)]
        assert all("\u4e00" <= text[0] <= "\u9fff" for text in texts), texts


@pytest.mark.parametrize("key", KEYS)
def test_text_has_an_end(key: str) -> None:
    """Without a limit of its own a field would take the general one, far more than its place on a page."""
    for field in every_field(key):
        assert field.max_length or field.type not in ("textfield", "textarea"), field.key


@pytest.mark.parametrize("key", KEYS)
def test_an_empty_submission_names_what_is_required(key: str) -> None:
    application.assemble()
    form = forms.get(key)
    if not any(field.required for field in form.fields):
        assert key in user_tasks.checks, "nothing is required, and nobody looks"
        return
    with pytest.raises(ValidationError) as refused:
        form.load({})
    always = {field.key for field in form.fields if field.required and not field.shown_when}
    required = {field.key for field in form.fields if field.required}
    assert always <= set(refused.value.messages_dict) <= required


@pytest.mark.parametrize("key", KEYS)
def test_its_choices_are_known(key: str) -> None:
    application.assemble()
    assert forms.get(key).sources <= options.SOURCES.keys()


@pytest.mark.parametrize("key", KEYS)
def test_the_file_uses_each_id_once(key: str) -> None:
    ids = list(_ids(json.loads(resources.files(forms).joinpath(f"{key}.form").read_text("utf-8"))["components"]))
    assert len(ids) == len(set(ids))


def _ids(components: list[Mapping[str, Any]]) -> list[str]:
    return [each for part in components for each in [part.get("id", id(part)), *_ids(part.get("components", []))]]


@pytest.mark.parametrize("key", ["", "nobody", "../forms/decision", "decision.form", "__init__"])
def test_there_is_no_other_form(key: str) -> None:
    assert forms.find(key) is None
    with pytest.raises(FormInvalid):
        forms.get(key)
