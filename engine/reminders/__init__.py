"""Reminding of what is due (提醒、催办): before, on and after the date, the owner first, then those above.

Whoever gives something a due date, or moves it, calls `plan` in the same transaction; whoever ends it, `forget`. What can be
due is a line of `subjects.FINDERS`. The runtime does both for user tasks by itself.
"""

from engine.reminders.schedule import forget, plan

__all__ = ["forget", "plan"]
