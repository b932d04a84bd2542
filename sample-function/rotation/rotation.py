"""The four steps that make a pending version of a secret the current one.

The secret is a JSON object with username, password, host, port and dbname. Only its password changes: the user alters
its own. A secret without a host has no database behind it, and its password changes in the secret alone.
"""

import json

from password import new_password


class RotationError(Exception):
    """The secret is not in a state in which this step may be taken. The message holds no value."""


class Rotation:
    """One version of one secret on its way to become the current one.

    The database is a module or an object with accepts(credentials) and set_password(credentials, password).
    """

    def __init__(self, secrets_manager, database, secret_id, version_id):
        self._secrets_manager = secrets_manager
        self._database = database
        self._secret_id = secret_id
        self._version_id = version_id
        self._stages = self._checked_stages()

    def _checked_stages(self):
        """Return the stages of each version, after checking that this version is one that may be rotated to."""
        description = self._secrets_manager.describe_secret(SecretId=self._secret_id)
        if not description.get("RotationEnabled"):
            raise RotationError(f"rotation of {self._secret_id} is not enabled")
        stages = description["VersionIdsToStages"]
        if self._version_id not in stages:
            raise RotationError(f"{self._secret_id} has no version {self._version_id}")
        if not {"AWSPENDING", "AWSCURRENT"} & set(stages[self._version_id]):
            raise RotationError(f"version {self._version_id} of {self._secret_id} is not pending")
        return stages

    def is_finished(self):
        """Say whether the version is the current one, so that nothing is left to do."""
        return "AWSCURRENT" in self._stages[self._version_id]

    def create_secret(self):
        """Give the pending version a password of its own, unless an earlier attempt did."""
        if self._pending() is not None:
            return
        self._secrets_manager.put_secret_value(
            SecretId=self._secret_id,
            ClientRequestToken=self._version_id,
            SecretString=json.dumps(self._current() | {"password": new_password()}),
            VersionStages=["AWSPENDING"],
        )

    def set_secret(self):
        """Let the database know the pending password, unless it does.

        It knows the current one. Or, if an earlier rotation died between this step and the last, a pending one that
        is lost; then the one before the current may still be right.
        """
        pending = self._checked_pending()
        if not pending["host"] or self._database.accepts(pending):
            return
        for known in (self._current(), self._read(VersionStage="AWSPREVIOUS")):
            if known is not None and _same_user(known, pending) and self._database.accepts(known):
                self._database.set_password(known, pending["password"])
                return
        raise RotationError(f"the database accepts no version of {self._secret_id}")

    def test_secret(self):
        """Check that the database accepts the pending password."""
        pending = self._checked_pending()
        if pending["host"] and not self._database.accepts(pending):
            raise RotationError(f"the database does not accept version {self._version_id} of {self._secret_id}")

    def finish_secret(self):
        """Make the pending version the current one, in one call. Secrets Manager keeps the old one as AWSPREVIOUS."""
        self._checked_pending()
        current = next(version for version, stages in self._stages.items() if "AWSCURRENT" in stages)
        self._secrets_manager.update_secret_version_stage(
            SecretId=self._secret_id,
            VersionStage="AWSCURRENT",
            MoveToVersionId=self._version_id,
            RemoveFromVersionId=current,
        )

    def _current(self):
        return self._read(VersionStage="AWSCURRENT")

    def _pending(self):
        return self._read(VersionId=self._version_id, VersionStage="AWSPENDING")

    def _checked_pending(self):
        """Return the pending credentials, if they are for the user and the database of the current ones.

        Whoever may write the secret could otherwise have this function log in elsewhere with the current password.
        """
        pending = self._pending()
        if pending is None:
            raise RotationError(f"version {self._version_id} of {self._secret_id} has no value yet")
        if not _same_user(pending, self._current()):
            raise RotationError(f"version {self._version_id} of {self._secret_id} is for another user or database")
        return pending

    def _read(self, **version):
        """Return the credentials of a version, or None if there is no such version or it has no value."""
        try:
            answer = self._secrets_manager.get_secret_value(SecretId=self._secret_id, **version)
        except self._secrets_manager.exceptions.ResourceNotFoundException:
            return None
        try:
            credentials = json.loads(answer["SecretString"])
            if {"username", "password", "host", "port", "dbname"} <= credentials.keys():
                return credentials
        except (AttributeError, KeyError, TypeError, ValueError):
            pass
        # The cause would carry the value into a traceback.
        raise RotationError(f"{self._secret_id} is not a JSON object with username, password, host, port and dbname")


def _same_user(one, other):
    return all(one[key] == other[key] for key in ("username", "host", "port", "dbname"))
