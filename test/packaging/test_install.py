# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The package as users install it: pip, colcon build, colcon build --symlink-install."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

pytestmark = pytest.mark.install
pytest.importorskip("rclpy")

CHECK = """
import sys
from pathlib import Path
from ament_index_python.packages import get_package_prefix, get_package_share_directory
import seg3d2d_ros
from seg3d2d_ros.bundle import ModelBundle, resolve_bundle

share = Path(get_package_share_directory("seg3d2d"))
prefix = Path(get_package_prefix("seg3d2d"))
assert share.is_relative_to(sys.argv[1]) and prefix.is_relative_to(sys.argv[1]), share
for name in ["package.xml", "launch/parse.launch.py", "config/parse.yaml", "config/fastdds.xml",
             "config/labels/scannet20.yaml"]:
    assert (share / name).is_file(), name
for name in ["parse_node", "seg3d2d"]:
    executable = prefix / "lib" / "seg3d2d" / name
    assert executable.stat().st_mode & 0o111, executable
    # the Python of the environment it is started in, which need not be the one it was built in
    assert executable.read_text().split()[:2] == ["#!/usr/bin/env", "python3"], executable
bundle = ModelBundle.load(resolve_bundle(sys.argv[2]))
print("module", seg3d2d_ros.__file__)
print("bundle", bundle.path.resolve())
"""


@pytest.fixture(scope="module")
def source(repository, tmp_path_factory):
    """A copy of what a clone holds, in a workspace of its own."""
    folder = tmp_path_factory.mktemp("workspace") / "src" / "seg3d2d"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, listed):
        if (repository / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((repository / name).read_bytes())
            (folder / name).chmod((repository / name).stat().st_mode)
    return folder


def run(command, cwd, environment):
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment(**changes):
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "AMENT_PREFIX_PATH")}
    # the scripts' shebang looks Python up here
    kept["PATH"] = f"{Path(sys.executable).parent}:{kept['PATH']}"
    return kept | {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "ROS_DOMAIN_ID": "94"} | changes


def starts_and_stops(executable, cwd, variables):
    """The node comes up with the shipped model, says so, and leaves on SIGINT without fault."""
    node = subprocess.Popen(
        [executable], cwd=cwd, env=variables, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    lines = []
    try:
        for line in node.stdout:
            lines.append(line)
            if "rooms-lite0-scannet20" in line:
                node.send_signal(signal.SIGINT)
        assert node.wait(timeout=30) == 0, "".join(lines)
    finally:
        node.kill()
        node.wait()
    assert any("rooms-lite0-scannet20" in line for line in lines), "".join(lines)


def test_pip_install(source, tmp_path):
    prefix = tmp_path / "prefix"
    variables = environment()
    run(
        [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation",
         "--ignore-installed", "--prefix", str(prefix), str(source)],
        tmp_path, variables,
    )  # fmt: skip
    library = next(prefix.glob("lib/python*/site-packages"))
    assert not (library / "training").exists()
    variables = environment(PYTHONPATH=str(library), AMENT_PREFIX_PATH=str(prefix))
    output = run(
        [sys.executable, "-c", CHECK, str(prefix), "rooms-lite0-scannet20"], tmp_path, variables
    )
    assert f"module {library}" in output
    assert f"bundle {prefix}" in output
    assert "parse" in run([str(prefix / "bin" / "seg3d2d"), "--help"], tmp_path, variables)
    starts_and_stops(prefix / "lib" / "seg3d2d" / "parse_node", tmp_path, variables)


@pytest.mark.parametrize("options", [[], ["--symlink-install"]], ids=["plain", "symlink"])
def test_colcon_build(source, tmp_path, options):
    pytest.importorskip("colcon_core")
    bases = ["--build-base", str(tmp_path / "build"), "--install-base", str(tmp_path / "install")]
    run(
        [sys.executable, "-m", "colcon", "--log-base", str(tmp_path / "log"), "build",
         "--base-paths", str(source), *bases, *options],
        tmp_path, environment(),
    )  # fmt: skip
    sourced = run(
        ["bash", "-c", f"source {tmp_path}/install/setup.bash && env -0"], tmp_path, environment()
    )
    variables = dict(entry.split("=", 1) for entry in sourced.split("\0") if "=" in entry)
    output = run(
        [sys.executable, "-c", CHECK, str(tmp_path / "install"), "rooms-lite0-scannet20"],
        tmp_path, variables,
    )  # fmt: skip
    symlinked = bool(options)
    assert (f"bundle {source}" in output) == symlinked
    starts_and_stops(tmp_path / "install/seg3d2d/lib/seg3d2d/parse_node", tmp_path, variables)


def installed_files(source, folder):
    """Paths, relative to the prefix, of what colcon's call of setup.py installs."""
    record = folder / "record"
    run(
        [sys.executable, "setup.py", "--quiet", "install", "--root", str(folder / "root"),
         "--single-version-externally-managed", "--record", str(record)],
        source, environment(PYTHONWARNINGS="ignore"),
    )  # fmt: skip
    lines = record.read_text().splitlines()
    return {line for line in lines if ".egg-info" not in line}


def test_the_image_is_built_from_all_that_is_installed(source, tmp_path):
    """``.dockerignore`` lets through what the package is made from, and nothing else."""
    lines = (source / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    for name in (line[1:] for line in lines if line.startswith("!")):
        target = tmp_path / "context" / name
        target.parent.mkdir(exist_ok=True)
        copy = shutil.copytree if (source / name).is_dir() else shutil.copy
        copy(source / name, target)
    given = {path.name for path in (tmp_path / "context").iterdir()}
    assert not given & {"training", "test", "bench", "docs", ".git"}
    (tmp_path / "all").mkdir()
    (tmp_path / "image").mkdir()
    everything = installed_files(source, tmp_path / "all")
    assert any(file.endswith("rooms-lite0-scannet20/model.onnx") for file in everything)
    assert installed_files(tmp_path / "context", tmp_path / "image") == everything


def test_the_manifest_is_format_3_and_agrees_with_setup(repository):
    root = ElementTree.parse(repository / "package.xml").getroot()
    assert root.get("format") == "3"
    assert root.findtext("name") == "seg3d2d"
    assert root.findtext("license") == "Apache-2.0"
    assert root.findtext("export/build_type") == "ament_python"
    depends = {element.text for element in root.iter("exec_depend")}
    assert depends >= {
        "rclpy", "sensor_msgs", "cv_bridge", "diagnostic_msgs", "lifecycle_msgs", "std_srvs",
        "vision_msgs",
    }  # fmt: skip
    setup = (repository / "setup.py").read_text()
    assert re.search(r'version="([^"]+)"', setup).group(1) == root.findtext("version")
