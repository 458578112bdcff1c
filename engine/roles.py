"""The roles a position may have: keys that candidate groups and lanes of diagrams name."""

from __future__ import annotations

ROLES = frozenset({
    "bureau_leader", "deputy_leader", "department_head", "officer", "office_supervisor", "inspectorate_office",
    "inspector", "legal_reviewer", "finance_auditor", "discipline_liaison", "district_officer", "school_head",
    "school_officer", "expert", "archivist", "process_designer", "system_admin", "security_admin", "audit_admin",
})  # fmt: skip
