"""The repository itself: settle, publish, push, delete, find, list, reconcile."""
