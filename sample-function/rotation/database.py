"""What the rotation needs of PostgreSQL: does it accept these credentials, and give their user a new password.

Connections are encrypted, and the server has to prove its name by a certificate. DATABASE_CA_FILE names a file of
certificates to trust, such as the bundle that Amazon RDS publishes; otherwise the system's count.
"""

import os
import ssl

from password import scram_verifier
from pg8000.native import Connection, DatabaseError, identifier, literal

TIMEOUT_SECONDS = 5

# PostgreSQL's codes for a user or a password that is wrong.
REFUSED = {"28000", "28P01"}


def accepts(credentials):
    """Say whether the user can log in. That the database cannot be reached is an error, not a no."""
    try:
        _connect(credentials).close()
    except DatabaseError as error:
        if _code(error) in REFUSED:
            return False
        raise
    return True


def set_password(credentials, password):
    """Log in with the credentials, and give their user the password."""
    connection = _connect(credentials)
    try:
        user = identifier(credentials["username"])
        connection.run(f"ALTER ROLE {user} PASSWORD {literal(scram_verifier(password))}")
    finally:
        connection.close()


def _connect(credentials):
    return Connection(
        credentials["username"],
        password=credentials["password"],
        host=credentials["host"],
        port=int(credentials["port"]),
        database=credentials["dbname"],
        timeout=TIMEOUT_SECONDS,
        ssl_context=ssl.create_default_context(cafile=os.environ.get("DATABASE_CA_FILE")),
    )


def _code(error):
    return error.args[0].get("C") if error.args and isinstance(error.args[0], dict) else None
