"""A pretended AWS: moto's server, holding the sample function's two values and keeping a list of every call."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import boto3
import requests
from botocore.config import Config

REGION = "eu-central-1"
SECRET_NAME = "prod/db-credentials"
PARAMETER_NAME = "/prod/config/api-url"
API_URL = "https://api.example.com/v1"
CREDENTIALS = {
    "username": "orders",
    "password": "correct-horse-battery-staple",
    "engine": "postgres",
    "host": "orders.cluster.example.com",
    "port": 5432,
    "dbInstanceIdentifier": "orders",
}


class Cloud:
    """The server process. Everything it holds is gone after reset."""

    url = "http://127.0.0.1:5000"

    def __init__(self, folder: Path):
        self._calls = folder / "calls"
        self._calls.touch()
        self._log = (folder / "moto.log").open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "5000"],
            env={**os.environ, "MOTO_ENABLE_RECORDING": "yes", "MOTO_RECORDER_FILEPATH": str(self._calls)},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait_until_serving()
        self.secrets = self._client("secretsmanager")
        self.parameters = self._client("ssm")

    def _wait_until_serving(self):
        deadline = time.monotonic() + 30
        while True:
            try:
                requests.get(f"{self.url}/moto-api/data.json", timeout=5).raise_for_status()
                return
            except requests.RequestException:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _client(self, service):
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="AKIAEXAMPLE",
            aws_secret_access_key="example",
            config=Config(retries={"max_attempts": 1}),
        )

    def reset(self):
        """Forget everything, then hold the sample's two values, with no call counted."""
        requests.post(f"{self.url}/moto-api/reset", timeout=5).raise_for_status()
        self.secrets.create_secret(Name=SECRET_NAME, SecretString=json.dumps(CREDENTIALS))
        self.parameters.put_parameter(Name=PARAMETER_NAME, Value=API_URL, Type="String")
        self._calls.write_text("")

    def calls(self, operation):
        """Return how often the operation (as in secretsmanager.GetSecretValue) was called since reset."""
        targets = [json.loads(line)["headers"].get("X-Amz-Target") for line in self._calls.read_text().splitlines()]
        return targets.count(operation)

    @contextmanager
    def silent(self):
        """Let no call be answered: connections are made, by the kernel, and then nothing comes."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def signers(self, operation):
        """Return the access keys that the calls of an operation since reset were signed with, oldest first."""
        headers = [json.loads(line)["headers"] for line in self._calls.read_text().splitlines()]
        signatures = [h["Authorization"] for h in headers if h.get("X-Amz-Target") == operation]
        return [re.search(r"Credential=(\w+)/", signature)[1] for signature in signatures]

    def stop(self):
        self._process.terminate()
        self._process.wait(10)
        self._log.close()
