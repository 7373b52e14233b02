"""The authorizer and the log of a function, without the SDK."""

import time

from charthouse.access.authorizer import Authorizer
from charthouse.aws.secret import Secret
from charthouse.aws.signer import Signer
from charthouse.settings import Settings, credentials
from charthouse.wiring.lines import LineJournal, line_logger


def make_authorizer(settings: Settings) -> Authorizer:
    """Return the authorizer; the Basic password is fetched from Secrets Manager when a client sends one."""
    storage = settings.storage
    signer = Signer("secretsmanager", storage.region, credentials)
    journal = LineJournal(line_logger(settings.site.log_level))
    secret = Secret(settings.access.basic_secret, storage, signer, journal, time.time)
    return Authorizer(settings.access, lambda: secret.text().encode(), time.time)
