"""What people are told (通知): in the application at once, by mail as the office's hours allow.

`notify` writes in the transaction of its cause; everything that leaves the house does so by a job (`outbox`).
"""

from engine.notifications.notices import Mail, notify

__all__ = ["Mail", "notify"]
