"""The veto register (一票否决): who is barred from what, and what asks before an award, a post or a grant."""
