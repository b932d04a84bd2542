"""scripts/verify as a user calls it, on the built layers. What it finds in broken zips is tested beside its code."""

import hashlib
import shutil
import subprocess

from conftest import PROJECT


def verify(folder, *arguments):
    return subprocess.run(
        [PROJECT / "scripts/verify", *arguments], cwd=folder, capture_output=True, text=True, timeout=300
    )


def test_built_layers_pass():
    for architecture in ["x86_64", "arm64"]:
        done = verify(PROJECT, f"build/larder-{architecture}.zip")
        assert done.returncode == 0, done.stderr
        assert "size gate     zip" in done.stdout


def test_checksums_beside_the_zip_are_used_unasked(tmp_path):
    """A download that was exchanged is told, from whatever folder and without an option that could be forgotten."""
    content = shutil.copy(PROJECT / "build/larder-arm64.zip", tmp_path / "larder-arm64.zip").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(f"{digest}  larder-arm64.zip\n")
    done = verify(tmp_path, "larder-arm64.zip")
    assert done.returncode == 0, done.stderr
    assert digest in done.stdout
    assert verify(tmp_path, "larder-arm64.zip", "-digest", digest).returncode == 0

    sums.write_text(f"{'0' * 64}  larder-arm64.zip\n")
    done = verify(tmp_path, "larder-arm64.zip")
    assert done.returncode == 1
    assert f"digest: it has {digest}" in done.stderr


def test_without_a_zip_it_says_what_it_wants(tmp_path):
    done = verify(tmp_path)
    assert done.returncode != 0
    assert "usage: scripts/verify ZIP" in done.stderr
