"""减负: what is asked of schools by whom, within what bounds, and what need not be asked again."""
