"""The stack on a laptop: an emulator of AWS, the deployment into it, an API gateway; and the Makefile's commands.

Nothing in here is deployed. Every module can be used from tests; `local.cli` is what the Makefile calls.
"""
