"""The scripts that npm brings: pinned by hash, copied as they are, and nothing of them in the repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from web.build import FILES, HERE, LICENCES

OWN_NODE = Path(sys.executable).parent / "npm"
NOWHERE = "http://127.0.0.1:9/"


def build(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the build as make does, with what it writes below `tmp_path`."""
    argv = [
        sys.executable,
        str(HERE / "build.py"),
        "--work",
        str(tmp_path / "npm"),
        "--vendor",
        str(tmp_path / "vendor"),
    ]
    env = os.environ | {"npm_config_cache": str(tmp_path / "cache"), "npm_config_fetch_retries": "0"} | variables
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=200)


def test_every_package_is_pinned_by_its_hash() -> None:
    locked = json.loads((HERE / "package-lock.json").read_text())["packages"]
    wanted = json.loads((HERE / "package.json").read_text())
    for name, version in (wanted["dependencies"] | wanted["devDependencies"]).items():
        assert version[0].isdigit(), f"{name} is not pinned"
        assert locked[f"node_modules/{name}"]["version"] == version, name
    for path, package in locked.items():
        assert not path or package["integrity"].startswith("sha512-"), path


def test_every_file_is_of_a_package_whose_licence_goes_along() -> None:
    assert all(source.startswith(tuple(f"{name}/" for name in LICENCES)) for source in FILES.values())


def test_nothing_of_npm_is_in_the_repository() -> None:
    listed = subprocess.run(["git", "ls-files", "web"], cwd=HERE.parent, capture_output=True, text=True, check=False)
    assert not [name for name in listed.stdout.split() if "vendor" in name or "node_modules" in name]


def test_without_a_network_it_says_so_and_leaves_nothing_that_looks_done(tmp_path: Path) -> None:
    done = build(tmp_path, npm_config_registry=NOWHERE)
    assert done.returncode == 1
    assert "does this machine reach the npm registry?" in done.stderr
    assert not (tmp_path / "vendor" / ".stamp").exists()


@pytest.mark.skipif(OWN_NODE.exists(), reason="this environment has a Node of its own, which would be used")
def test_without_node_and_without_a_network_it_names_both(tmp_path: Path) -> None:
    done = build(tmp_path, PATH=str(tmp_path), PIP_INDEX_URL=NOWHERE, PIP_NO_INDEX="1", PIP_RETRIES="0")
    assert done.returncode == 1
    assert "expected npm, or a network" in done.stderr
