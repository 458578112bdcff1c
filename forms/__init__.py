"""What people may submit: form-js documents (`forms/*.form`) and the strict marshmallow schemas built from them."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from forms.document import parse
from forms.fields import Field, FormInvalid, Note
from forms.form import Form

__all__ = ["Field", "Form", "FormInvalid", "Note", "find", "get", "keys", "parse"]


@cache
def get(key: str) -> Form:
    """The form `key`, shipped as `forms/<key>.form`."""
    if key not in keys():
        raise FormInvalid(f"没有表单“{key}”")
    return parse(json.loads(resources.files(__package__).joinpath(f"{key}.form").read_text("utf-8")))


def find(key: str) -> Form | None:
    return get(key) if key in keys() else None


@cache
def keys() -> frozenset[str]:
    files = resources.files(__package__).iterdir()
    return frozenset(file.name.removesuffix(".form") for file in files if file.name.endswith(".form"))
