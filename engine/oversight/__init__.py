"""督办: what the office drives others to do, and what may be asked of anything with a due date: 延期, 中止, 恢复.

`items` opens and lists them, `service_tasks` is what their diagram calls; `extensions` and `pauses` work on whatever
`subjects` knows: items and commitments alike.
"""
