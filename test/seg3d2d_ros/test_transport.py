# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Settings for large images, and when they keep out of the user's way."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from seg3d2d_ros.transport import profile_variable, transport_environment


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"RMW_IMPLEMENTATION": "rmw_fastrtps_cpp"},
        {"RMW_IMPLEMENTATION": ""},
        {"FASTDDS_BUILTIN_TRANSPORTS": ""},
    ],
)
def test_profile_is_set_under_fast_dds(environ, tmp_path):
    added = transport_environment(environ, tmp_path)
    assert len(added) == 1
    assert Path(added[profile_variable(environ)]).name == "fastdds.xml"


@pytest.mark.parametrize(
    "environ",
    [
        {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"},
        {"RMW_IMPLEMENTATION": "rmw_zenoh_cpp"},
        {"FASTDDS_DEFAULT_PROFILES_FILE": "/mine.xml"},
        {"FASTRTPS_DEFAULT_PROFILES_FILE": "/mine.xml"},
        {"FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA"},
        {"ROS_LOCALHOST_ONLY": "1"},
    ],
)
def test_users_choice_stays(environ, tmp_path):
    assert transport_environment(environ, tmp_path) == {}


def test_users_profile_in_the_working_directory_stays(tmp_path):
    (tmp_path / "DEFAULT_FASTDDS_PROFILES.xml").write_text("<dds/>")
    assert transport_environment({}, tmp_path) == {}


def test_variable_is_the_one_that_the_installed_version_reads(tmp_path):
    for package, variable in (
        ("fastrtps", "FASTRTPS_DEFAULT_PROFILES_FILE"),
        ("fastdds", "FASTDDS_DEFAULT_PROFILES_FILE"),
    ):
        prefix = tmp_path / package
        (prefix / "share" / package).mkdir(parents=True)
        found = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; sys.prefix = '/nowhere'\n"
                "from seg3d2d_ros.transport import profile_variable\n"
                f"print(profile_variable({{'AMENT_PREFIX_PATH': '/none:{prefix}'}}))",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        assert found.stdout.strip() == variable


def test_profile_makes_the_segment_larger_and_keeps_the_network(repository):
    root = ElementTree.parse(repository / "config/fastdds.xml").getroot()
    dds = {"d": "http://www.eprosima.com"}
    descriptors = {
        d.findtext("d:type", namespaces=dds): d
        for d in root.iterfind(".//d:transport_descriptor", dds)
    }
    assert set(descriptors) == {"SHM", "UDPv4"}
    assert int(descriptors["SHM"].findtext("d:segment_size", namespaces=dds)) == 16 << 20
    used = [e.text for e in root.iterfind(".//d:userTransports/d:transport_id", dds)]
    declared = [d.findtext("d:transport_id", namespaces=dds) for d in descriptors.values()]
    assert used == declared


PROBE = """
import os, sys
from seg3d2d_ros.transport import prepare_transport
prepare_transport()
def minor_faults():
    return int(open("/proc/self/stat").read().rsplit(")", 1)[1].split()[7])
for _ in range(4):
    bytearray(6_220_800)
before = minor_faults()
for _ in range(20):
    bytearray(6_220_800)
print(minor_faults() - before)
print(next(os.environ[name] for name in os.environ if name.endswith("_DEFAULT_PROFILES_FILE")))
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="counts page faults in /proc")
def test_freed_image_memory_is_kept_unless_the_user_set_malloc_himself(repository):
    def faults(**environ) -> int:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("FAST", "MALLOC", "RMW"))}
        output = subprocess.run(
            [sys.executable, "-c", PROBE],
            env=clean | environ,
            cwd=repository,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert Path(output[1]).is_file()
        return int(output[0])

    # 20 buffers of 1519 pages each: with the user's own threshold every page faults again
    assert faults() < 3000
    assert faults(MALLOC_MMAP_THRESHOLD_="131072") > 20000
