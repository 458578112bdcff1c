"""The working calendar and the school calendar: what kind of day it is, and how days are counted.

`days` counts, `book` knows what is recorded, `corrections` changes it (`notice` reads how people write it), `terms` is about
schools, `shipped` fills a new database.
"""

from engine.calendar.book import current
from engine.calendar.days import Calendar, Counted, Exceptional, Span

__all__ = ["Calendar", "Counted", "Exceptional", "Span", "current"]
