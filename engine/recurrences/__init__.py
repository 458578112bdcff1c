"""Duties and rounds that come again: their periods, the day in each, and that every one of them begins once."""
