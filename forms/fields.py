"""What a form is made of, as the product reads it; how it is written down is `document`'s affair."""

from __future__ import annotations

from dataclasses import dataclass

ITEM = "item"
"""In rows that are fixed: the option a row is about."""

Option = tuple[str, str]
"""What is submitted, and what a person reads."""


class FormInvalid(ValueError):
    """Not a form document we can show and guard; the message says why."""


@dataclass(frozen=True)
class Field:
    """One thing a person fills in."""

    key: str
    type: str
    label: str
    description: str = ""
    required: bool = False
    required_when: str | None = None
    """A condition over the other fields under which this one must be filled."""
    shown_when: str | None = None
    """A condition over the other fields without which this one must stay empty."""
    shown_words: str = ""
    """The same for people, …"""
    shown_tree: str = ""
    """… and for the script of a page (`conditions`)."""
    options: tuple[Option, ...] = ()
    not_offered: str = ""
    """What is said of a choice that is not offered; else that one must be chosen."""
    options_source: str | None = None
    """Name of a list the engine supplies (schools, …) where the choices are not in the document."""
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    suffix: str = ""
    as_buttons: bool = False
    """The choices are the page's submit buttons."""
    routing: bool = False
    """The value becomes a process variable."""
    group: str = ""
    """Heading of the group the field stands in."""
    columns: tuple[Field, ...] = ()
    """What a person fills in in each row, where there are rows."""
    rows_source: str | None = None
    """Name of the list that has an option for every row; without one people add rows as they need them."""
    min_rows: int = 0
    max_rows: int = 0
    accept: tuple[str, ...] = ()
    """Media types of the files that may be added."""
    max_files: int = 1

    @property
    def is_rows(self) -> bool:
        return self.type == "dynamiclist"

    @property
    def cells(self) -> tuple[Field, ...]:
        """What a row holds: its columns, after the option it is about."""
        item = (Field(ITEM, "select", "", options_source=self.rows_source),) if self.rows_source else ()
        return item + self.columns

    @property
    def is_files(self) -> bool:
        return self.type == "filepicker"

    @property
    def is_choice(self) -> bool:
        return self.type in ("select", "radio", "checklist")

    @property
    def is_yes_or_no(self) -> bool:
        """Choices that spell a boolean are one."""
        return {value for value, _ in self.options} == {"true", "false"}


@dataclass(frozen=True)
class Note:
    """Text between the fields, or a rule (`separator`) without any."""

    type: str
    text: str = ""
    group: str = ""
