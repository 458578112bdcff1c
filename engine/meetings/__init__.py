"""三重一大 and what else is decided together: `rules` of a meeting, `records` of what was held and what follows from it."""
