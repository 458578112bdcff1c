"""What people may submit: form-js documents (`forms/*.form`) and the strict marshmallow schemas built from them."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from forms.document import Field, Form, FormInvalid, parse

__all__ = ["Field", "Form", "FormInvalid", "find", "get", "keys", "parse"]


@cache
def get(key: str) -> Form:
    """The form `key`, shipped as `forms/<key>.form`."""
    form = find(key)
    if form is None:
        raise FormInvalid(f"没有表单“{key}”")
    return form


def find(key: str) -> Form | None:
    if key not in keys():
        return None
    return parse(json.loads(resources.files(__package__).joinpath(f"{key}.form").read_text("utf-8")))


@cache
def keys() -> frozenset[str]:
    files = resources.files(__package__).iterdir()
    return frozenset(file.name.removesuffix(".form") for file in files if file.name.endswith(".form"))
