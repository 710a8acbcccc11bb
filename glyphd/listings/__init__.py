"""Queries for listings: filters, order, pages and formats."""
