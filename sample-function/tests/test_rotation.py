"""The rotation function, step by step, with the role that the template gives it and a real PostgreSQL server."""

import json
import logging

import database
import pytest
from access import check_denied, write_log
from deployment import Deployment, client
from larder import Larder
from mutations import without_statement
from password import new_password
from postgres import Postgres
from rotating import STEPS, Rotated, check_rotation
from rotation import RotationError


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.stop()


@pytest.fixture
def rotated(moto, template, postgres, monkeypatch):
    """A secret that the database's user orders has as its password."""
    monkeypatch.setenv("DATABASE_CA_FILE", str(postgres.front.certificate))
    found = Rotated(Deployment(moto, template, DatabaseHost="127.0.0.1"))
    secret = found.credentials() | {"port": postgres.front.port}
    client(moto, "secretsmanager").put_secret_value(
        SecretId=found.deployment.secret_id, SecretString=json.dumps(secret)
    )
    postgres.set_user("orders", secret["password"])
    return found


def test_step_by_step(rotated):
    old, version = rotated.credentials(), rotated.begin()

    rotated.step("createSecret", version)
    new = rotated.credentials("AWSPENDING")
    assert new == old | {"password": new["password"]}
    assert new["password"] != old["password"]
    assert rotated.credentials() == old
    assert (database.accepts(old), database.accepts(new)) == (True, False)

    rotated.step("setSecret", version)
    assert rotated.credentials() == old
    assert (database.accepts(old), database.accepts(new)) == (False, True)

    rotated.step("testSecret", version)
    assert rotated.credentials() == old

    rotated.step("finishSecret", version)
    assert (rotated.credentials(), rotated.credentials("AWSPREVIOUS")) == (new, old)
    assert "AWSCURRENT" in rotated.stages()[version]


# Secrets Manager takes a step again if it did not hear that it was taken.
@pytest.mark.parametrize("repeated", STEPS)
def test_a_step_may_be_repeated(rotated, repeated):
    old, version = rotated.credentials(), rotated.begin()
    pending = None
    for step in STEPS:
        rotated.step(step, version)
        pending = pending or rotated.credentials("AWSPENDING")
        if step == repeated:
            rotated.step(step, version)
    assert rotated.credentials() == pending
    assert rotated.credentials("AWSPREVIOUS") == old
    assert database.accepts(pending)


def test_a_rotation_that_is_over_may_be_repeated(rotated):
    version = rotated.rotate()
    rotated_to = rotated.credentials()
    for step in STEPS:
        rotated.step(step, version)
    assert rotated.credentials() == rotated_to
    assert database.accepts(rotated_to)


def test_rotations_follow_one_another(rotated):
    seen = {rotated.credentials()["password"]}
    for _ in range(3):
        rotated.rotate()
        seen.add(rotated.credentials()["password"])
        assert database.accepts(rotated.credentials())
    assert len(seen) == 4


def test_larder_serves_the_new_password_when_asked_anew(rotated, folder):
    larder = Larder(folder, rotated.deployment.url, rotated.deployment.credentials("FunctionRole"))
    secret_id = rotated.deployment.secret_id

    def password(**query):
        return json.loads(json.loads(larder.secret(secret_id, **query)[1])["SecretString"])["password"]

    old = password()
    rotated.rotate()
    assert password() == old
    new = password(refreshNow="true")
    assert new not in ("", old)
    assert database.accepts(rotated.credentials() | {"password": new})
    assert [record["outcome"] for record in larder.records()] == ["miss", "hit", "refresh"]


# A rotation may have died after the database learned a password that no version has any more but the previous one.
def test_the_previous_password_helps_where_the_current_is_wrong(rotated, postgres):
    rotated.rotate()
    postgres.set_user("orders", rotated.credentials("AWSPREVIOUS")["password"])
    rotated.rotate()
    assert database.accepts(rotated.credentials())


def test_a_database_that_accepts_no_version(rotated, postgres):
    version = rotated.begin()
    rotated.step("createSecret", version)
    postgres.set_user("orders", "changed-by-hand")
    with pytest.raises(RotationError, match="accepts no version"):
        rotated.step("setSecret", version)
    with pytest.raises(RotationError, match="does not accept"):
        rotated.step("testSecret", version)


def test_a_database_that_cannot_be_reached_is_not_one_that_refuses(rotated, monkeypatch):
    version = rotated.begin()
    rotated.step("createSecret", version)
    monkeypatch.delenv("DATABASE_CA_FILE")
    with pytest.raises(Exception, match="certificate verify failed"):
        rotated.step("setSecret", version)


def test_another_failure_of_the_database_is_not_a_refusal(rotated):
    with pytest.raises(database.DatabaseError):
        database.accepts(rotated.credentials() | {"dbname": "missing"})


@pytest.mark.parametrize("changed", [{"host": "evil.example.com"}, {"username": "admin"}, {"port": 1}, {"dbname": "x"}])
def test_a_pending_version_for_somebody_else(rotated, changed):
    version = rotated.begin()
    rotated.put(version, **changed)
    for step in STEPS[1:]:
        with pytest.raises(RotationError, match="another user or database"):
            rotated.step(step, version)


# Where it is not to rotate at once, Secrets Manager tries the function by this step alone, on a copy of the current.
def test_the_trial_of_a_new_schedule(rotated):
    version = rotated.begin()
    rotated.put(version)
    rotated.step("testSecret", version)


def test_steps_out_of_order(rotated):
    version = rotated.begin()
    for step in STEPS[1:]:
        with pytest.raises(RotationError, match="no value yet"):
            rotated.step(step, version)
    with pytest.raises(ValueError, match="unknown step"):
        rotated.step("dropSecret", version)


def test_versions_that_are_not_to_be_rotated_to(rotated):
    with pytest.raises(RotationError, match="not enabled"):
        rotated.step("createSecret", new_password())
    rotated.rotate()
    rotated.rotate()
    with pytest.raises(RotationError, match="no version"):
        rotated.step("createSecret", new_password())
    previous = next(version for version, stages in rotated.stages().items() if "AWSPREVIOUS" in stages)
    with pytest.raises(RotationError, match="not pending"):
        rotated.step("createSecret", previous)


# What is logged, and what the database logs of its statements, names no password.
def test_passwords_are_in_no_log(rotated, postgres, caplog):
    with caplog.at_level(logging.INFO):
        rotated.rotate()
    passwords = [rotated.credentials(stage)["password"] for stage in ("AWSCURRENT", "AWSPREVIOUS")]
    text = caplog.text + postgres.log.read_text()
    assert "ALTER ROLE" in text
    assert "createSecret of arn:aws:secretsmanager" in text
    assert not [password for password in passwords if password in text]


def test_a_secret_without_a_database_is_rotated_alone(moto, template):
    check_rotation(moto, template)


# Without a statement of its role, the function cannot do its work.
@pytest.mark.parametrize("sid", ["RotateSecret", "UseKey", "WriteLogs"])
def test_without_a_statement(moto, template, sid):
    with pytest.raises(AssertionError):
        check_rotation(moto, without_statement(template, "RotationRole", sid))


def test_role_touches_no_other_secret_and_no_other_log(moto, template):
    deployment, other = Deployment(moto, template), Deployment(moto, template)
    session = deployment.credentials("RotationRole")
    secrets = client(moto, "secretsmanager", session)
    check_denied(secrets.get_secret_value, SecretId=other.secret_id)
    check_denied(secrets.put_secret_value, SecretId=other.secret_id, SecretString="x")
    check_denied(secrets.delete_secret, SecretId=deployment.secret_id)
    check_denied(client(moto, "ssm", session).get_parameter, Name=deployment.parameter("api-url"))
    check_denied(write_log, client(moto, "logs", session), deployment.log_group())
