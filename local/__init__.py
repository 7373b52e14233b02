"""The laptop stack and the workshop's tools: an emulator of AWS, the real deployment into it, an API gateway in front.

Nothing in here is deployed. Every module can be used from tests; `local.cli` is what the Makefile calls.
"""
