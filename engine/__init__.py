"""The whole application: everything that is true without a browser."""

VERSION = "0.1.0"
