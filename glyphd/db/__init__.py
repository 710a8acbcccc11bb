"""Databases: connections, Peewee models, migrations and the check for drift."""
