"""Official papers (文书): issued with a number that is never given again, kept as they were, and shown as a page or a docx."""

from engine.documents.papers import issue as issue
