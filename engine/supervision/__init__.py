"""Supervision (督导): rounds of visits, what is found in them, and the loop that closes it (整改 → 核查 → 销号)."""
