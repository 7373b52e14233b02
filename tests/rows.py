"""Rows for tests, one revision after the other."""

from charthouse.ports import Row, Table


def put(table: Table, row: Row) -> None:
    """Write a row over the revision before its own; the first, 1, where none is."""
    table.put(row, row.rev - 1 or None)
