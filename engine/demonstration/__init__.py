"""A living example: the plan of 2021 in an invented organisation, at a clock that stands in March 2021 and can be moved."""
