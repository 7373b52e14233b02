"""The gate and the log of a function, without the SDK."""

import time

from charthouse.access.gate import Gate
from charthouse.aws.secret import Secret
from charthouse.aws.signer import Signer
from charthouse.settings import Settings, credentials
from charthouse.wiring.lines import LineJournal, line_logger


def gate(settings: Settings) -> Gate:
    """Return the gate; the Basic password is fetched from Secrets Manager when somebody sends one."""
    storage = settings.storage
    signer = Signer("secretsmanager", storage.region, credentials)
    journal = LineJournal(line_logger(settings.site.log_level))
    secret = Secret(settings.access.basic_secret, storage, signer, journal, time.time)
    return Gate(settings.access, lambda: secret.text().encode(), time.time)
