"""The registry: one Django app in rooms (docs, architecture). The version is pyproject.toml's."""

VERSION = "0.3.0"
