"""督导问责: cases under the 教育督导问责办法, from a lead to the decision, what becomes of it, and records of talks (约谈)."""
