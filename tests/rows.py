"""Rows for tests, one revision after the other."""

from charthouse.repository.ports import Catalog, Row


def put(catalog: Catalog, row: Row) -> None:
    """Write a row over the revision before its own; the first, 1, where none is."""
    catalog.put(row, row.rev - 1 or None)
