"""Fixtures for every test; they live in modules by what they make."""

pytest_plugins = ["tests.databases", "tests.service"]
