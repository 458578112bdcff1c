"""The whole application: everything that is true without a browser."""
