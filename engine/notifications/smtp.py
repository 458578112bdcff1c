"""Mail by SMTP, with the standard library. The server and how to reach it are the environment's affair (`BIHUAN_SMTP_…`)."""

from __future__ import annotations

import os
import re
import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from engine import clock
from engine.models import Delivery

TIMEOUT = 15
"""Seconds for each answer of the server."""
PAUSE = timedelta(minutes=1)
"""So long a server that did not answer is left alone: two hundred mails must not wait for it one after the other."""
MOST_SIGNS = 200
"""Of a subject."""
SECURITIES = ("starttls", "tls", "none")
UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


@dataclass(frozen=True)
class Server:
    host: str
    port: int
    security: str
    user: str
    password: str
    sender: str


_away: dict[Server, tuple[datetime, str]] = {}
"""Servers that did not answer: until when they are left alone, and what they met with."""


def server() -> Server | None:
    """None where no mail can be sent."""
    told = {name: os.environ.get(f"BIHUAN_SMTP_{name.upper()}", "") for name in ("host", "user", "password", "from")}
    security = os.environ.get("BIHUAN_SMTP_TLS", "starttls")
    port = os.environ.get("BIHUAN_SMTP_PORT") or ("465" if security == "tls" else "587")
    if not (told["host"] and told["from"] and port.isdecimal() and security in SECURITIES):
        return None
    return Server(told["host"], int(port), security, told["user"], told["password"], told["from"])


def send(delivery: Delivery) -> str | None:
    """Hand a mail to the server; why it was not taken, or None. What is wrong with the server is no mistake of ours."""
    to = server()
    if to is None:
        return "没有设置邮件服务器：请设置环境变量BIHUAN_SMTP_HOST、BIHUAN_SMTP_FROM等，重新启动后重发。"
    until, reason = _away.get(to, (clock.now(), ""))
    if clock.now() < until:
        return reason
    try:
        message = compose(delivery, to.sender)
        with _connect(to) as connection:
            connection.send_message(message)
    except (smtplib.SMTPException, OSError, MessageError, ValueError) as refusal:
        return _told(refusal)
    return None


def compose(delivery: Delivery, sender: str) -> EmailMessage:
    """The message; sent again it has the same Message-ID. What people wrote is text in it: a line break makes no header."""
    message = EmailMessage(policy=SMTP)
    message["Message-ID"] = f"<{delivery.id}@{sender.rpartition('@')[2]}>"
    message["Date"] = format_datetime(delivery.created_at)
    message["From"] = Address("闭环", addr_spec=sender)
    message["To"] = Address(_one_line(delivery.person.name), addr_spec=delivery.address)
    message["Subject"] = _one_line(delivery.subject)[:MOST_SIGNS]
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{delivery.body}\n\n请登录闭环查看和办理。本邮件由系统发出，请勿回复。\n")
    return message


def _connect(to: Server) -> smtplib.SMTP:
    connection = _reach(to)
    try:
        if to.security == "starttls":
            connection.starttls(context=ssl.create_default_context())
        if to.user:
            connection.login(to.user, to.password)
    except BaseException:
        connection.close()
        raise
    return connection


def _reach(to: Server) -> smtplib.SMTP:
    try:
        if to.security == "tls":
            return smtplib.SMTP_SSL(to.host, to.port, timeout=TIMEOUT, context=ssl.create_default_context())
        return smtplib.SMTP(to.host, to.port, timeout=TIMEOUT)
    except OSError as silence:
        _away[to] = clock.now() + PAUSE, _told(silence)
        raise


def _one_line(text: str) -> str:
    return UNWRITABLE.sub(" ", text).strip()


def _told(refusal: Exception) -> str:
    """The server's own words, as far as a page needs them."""
    return f"{type(refusal).__name__}: {refusal}".replace("\0", "")[:500]
