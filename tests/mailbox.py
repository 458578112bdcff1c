"""A real mail server on this machine, which refuses as long as a test wants it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.server import free_port


class Mailbox:
    """What has arrived, and how many of the next mails are refused."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses = 0
        self.meanwhile: Callable[[], None] = lambda: None
        """What somebody else does before the server answers."""

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.meanwhile()
        if self.refuses:
            self.refuses -= 1
            return "451 4.3.0 try again later"
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 accepted"

    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails]


@contextmanager
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """A mailbox behind a server that the application knows by its environment."""
    mailbox = Mailbox()
    port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    for name, value in {"HOST": "127.0.0.1", "PORT": str(port), "TLS": "none", "FROM": "bihuan@example.cn"}.items():
        monkeypatch.setenv(f"BIHUAN_SMTP_{name}", value)
    yield mailbox
    controller.stop()
