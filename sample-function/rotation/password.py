"""New passwords, and the form in which PostgreSQL gets to know one."""

import base64
import hashlib
import hmac
import secrets
import string

LENGTH = 32
ITERATIONS = 4096  # PostgreSQL's own default


def new_password():
    """Return a password of about 190 bits. Only letters and digits, as it may end up in a URL or a shell."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(LENGTH))


def scram_verifier(password):
    """Return what PostgreSQL stores of a password (RFC 5803), so that no statement, and no log of it, holds it.

    The password must be ASCII, which needs no normalisation.
    """
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${ITERATIONS}:{_base64(salt)}${_base64(stored)}:{_base64(server)}"


def _base64(value):
    return base64.b64encode(value).decode()
