"""An OpenID Connect issuer over real HTTPS, and the authority that vouches for its host."""

import datetime as dt
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.tokens import PublicKey, a_key_set, a_token

type Page = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Authority:
    """A certificate authority and a certificate of `localhost`, in files."""

    certificate: Path
    """What has to be trusted (`SSL_CERT_FILE`)."""
    server: Path
    """Certificate and private key of the server."""

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        """Make both."""
        ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        ca_name, name = (
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in ("An authority", "localhost")
        )
        ca = _a_certificate(
            ca_name, ca_name, ca_key.public_key(), ca_key, x509.BasicConstraints(ca=True, path_length=0)
        )
        host = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        server = _a_certificate(name, ca_name, key.public_key(), ca_key, host)
        certificate, pem = folder / "authority.pem", folder / "server.pem"
        certificate.write_bytes(ca.public_bytes(Encoding.PEM))
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem.write_bytes(server.public_bytes(Encoding.PEM) + private)
        return cls(certificate, pem)


def _a_certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    by: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    dated = builder.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(hours=1))
    return dated.not_valid_after(now + dt.timedelta(days=1)).add_extension(extension, critical=True).sign(by, SHA256())


@dataclass
class RunningIssuer:
    """An issuer that answers."""

    url: str
    pages: dict[str, bytes | Page] = field(default_factory=dict)
    """Path → JSON, or what answers."""
    asked: list[str] = field(default_factory=list)

    def publish(self, **keys: PublicKey) -> None:
        """Publish the keys by their `kid`."""
        document = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        self.pages["/.well-known/openid-configuration"] = json.dumps(document).encode()
        self.pages["/keys"] = a_key_set(**keys)

    def token(self, audience: str = "charthouse", kid: str = "one", **claims: Any) -> str:
        """Return a token of this issuer, signed with the deployment's key of the tests."""
        return a_token(access=None, header={"kid": kid}, iss=self.url, aud=audience, **claims)


@contextmanager
def an_issuer_at_work(authority: Authority) -> Iterator[RunningIssuer]:
    """Run an issuer at https://localhost on a free port."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name http.server calls
            issuer.asked.append(self.path)
            page = issuer.pages.get(self.path)
            if callable(page):
                page(self)
                return
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Length", str(len(page or b"")))
            self.end_headers()
            self.wfile.write(page or b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing of clients that hang up, or trust another authority."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server)
    with Quiet(("127.0.0.1", 0), Answering) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        issuer = RunningIssuer(f"https://localhost:{server.server_address[1]}")
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield issuer
        finally:
            server.shutdown()
