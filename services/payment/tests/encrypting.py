"""A server's endpoint that encrypts, as Aurora's does: answers SSLRequest, then leads to a PostgreSQL that cannot."""

import datetime as dt
import ipaddress
import select
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.chassis.tests.peer import Peer

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""PostgreSQL manual, "Message Formats"."""


def certificate(folder: Path, address: str) -> Path:
    """A file with a key and its self-signed certificate for an IP address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, address)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / f"{address}.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@contextmanager
def encrypting(target: int, file: Path) -> Iterator[Peer]:
    """Listens with the certificate in `file` and leads to the server at port `target`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    def serve(connection: socket.socket, _number: int) -> None:
        if connection.recv(len(SSL_REQUEST)) != SSL_REQUEST:
            return  # as a server that insists: nothing is said in the clear
        connection.sendall(b"S")
        with (
            context.wrap_socket(connection, server_side=True) as near,
            socket.create_connection(("127.0.0.1", target)) as far,
        ):
            _pump(near, far)

    with Peer(serve) as peer:
        yield peer


def _pump(near: ssl.SSLSocket, far: socket.socket) -> None:
    """Both ways in one thread: a TLS connection is not for two."""
    while True:
        ready = [near] if near.pending() else select.select([near, far], [], [])[0]
        for source, sink in ((near, far), (far, near)):
            if source in ready:
                data = source.recv(65536)
                if not data:
                    return
                sink.sendall(data)
