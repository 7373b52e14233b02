"""Fuzzing: what any bytes may do to the code that reads what clients send, with atheris and with Hypothesis."""
