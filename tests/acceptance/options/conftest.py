"""The stacks of the options, each deployed when a test first needs it."""

import secrets

import pytest

from local.emulator import Emulator
from tests.acceptance.deployment import Deployment, Deployments
from tests.acceptance.options.stacks import BASED, DOMAIN, LIMITS, OPERATED, TENANTS
from tests.acceptance.repository import Repository


@pytest.fixture(scope="session")
def tenants(deployed: Deployments) -> Deployment:
    """Return the stack with private repositories of any depth."""
    return deployed(**TENANTS)


@pytest.fixture
def fresh(tenants: Deployment) -> Repository:
    """Return an unused repository of that stack, and a token for it."""
    return tenants.repository(f"fresh/{secrets.token_hex(4)}")


@pytest.fixture(scope="session")
def limits(deployed: Deployments) -> Deployment:
    """Return the stack with small limits and anonymous access."""
    return deployed(**LIMITS)


@pytest.fixture
def small(limits: Deployment) -> Repository:
    """Return an unused repository of that stack."""
    return limits.repository(f"small-{secrets.token_hex(4)}")


@pytest.fixture(scope="session")
def based(deployed: Deployments) -> Deployment:
    """Return the stack below a context path."""
    return deployed(**BASED)


@pytest.fixture(scope="session")
def operated(emulator: Emulator, deployed: Deployments) -> Deployment:
    """Return the stack with domain and alarms."""
    acm = emulator.client("acm")
    certificates = {
        name: acm.request_certificate(DomainName=DOMAIN, IdempotencyToken=token)["CertificateArn"]
        for name, token in (("CertificateArn", "served"), ("OwnershipVerificationCertificateArn", "owned"))
    }
    zone = emulator.client("route53").create_hosted_zone(Name="example.com", CallerReference="options")
    topic = emulator.client("sns").create_topic(Name="pager")["TopicArn"]
    zone_id = zone["HostedZone"]["Id"].rpartition("/")[2]
    return deployed(**OPERATED, **certificates, HostedZoneId=zone_id, AlarmTopic=topic)
