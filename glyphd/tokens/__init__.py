"""Tokens: who may use the service, and for what. Nothing here knows HTTP."""
