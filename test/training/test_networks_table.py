# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The list of networks."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from seg3d2d_ros.networks import hrnet  # noqa: E402
from seg3d2d_ros.networks.registry import NETWORKS, build_network  # noqa: E402
from training.__main__ import main  # noqa: E402
from training.networks_table import networks_here, networks_table  # noqa: E402
from training.points.networks.registry import (  # noqa: E402
    build_point_network,
    point_network_kinds,
)


def test_every_network_of_both_registries_is_listed_once():
    here = networks_here(20)
    sizes = here.sizes
    missing = {"hrnet_ocr"} if here.remarks else set()
    assert [size.name for size in sizes if size.kind == "2D"] == sorted(NETWORKS.keys() - missing)
    assert [size.name for size in sizes if size.kind == "3D"] == sorted(point_network_kinds())
    assert len(sizes) + len(here.remarks) == len(NETWORKS) + len(point_network_kinds())


def test_networks_whose_package_is_missing_are_remarked_upon(monkeypatch, capsys):
    def missing():
        raise ModuleNotFoundError("HRNet's layers come from timm: pip install 'seg3d2d[hrnet]'")

    monkeypatch.setattr(hrnet, "timm_package", missing)
    assert main(["networks"]) == 0
    *rows, footnote, remark = capsys.readouterr().out.splitlines()
    assert footnote.startswith("with 20 classes")
    assert remark.startswith("network 'hrnet_ocr' can't be built: ") and "[hrnet]" in remark
    names = [row.split()[0] for row in rows[1:]]
    assert "hrnet_ocr" not in names and {"pspnet", "efficientnet_lite_fpn"} < set(names)


def test_published_networks_have_their_published_numbers_of_parameters():
    by_name = {size.name: size for size in networks_here(20).sizes}
    deepest = by_name["res16unet34c"]
    assert (deepest.parameters, deepest.feature_width, deepest.stride) == (37_856_052, 96, 1)
    assert (by_name["pspnet"].parameters, by_name["pspnet"].stride) == (46_715_860, 8)
    lite = by_name["efficientnet_lite_fpn"]
    assert (lite.feature_width, lite.stride) == (96, 4)


@pytest.mark.parametrize("classes", [3, 13])
def test_sizes_are_those_of_networks_that_hold_weights(classes):
    for size in networks_here(classes).sizes:
        build = build_network if size.kind == "2D" else build_point_network
        if size.parameters < 10_000_000:
            network = build(size.name, {}, classes)
            assert size.parameters == sum(p.numel() for p in network.parameters())
            assert not next(network.parameters()).is_meta


def test_more_classes_make_the_classifier_larger_and_nothing_else():
    few, many = networks_here(10).sizes, networks_here(11).sizes
    for one, other in zip(few, many, strict=True):
        grown = one.feature_width + 1
        if one.name == "hrnet_ocr":  # its soft object regions are of the classes, too
            grown += 720 + 1
        assert other.parameters - one.parameters == grown, one.name


def test_columns_are_aligned():
    rows = networks_table(20).splitlines()
    place = next(k for k, row in enumerate(rows) if row.startswith("with 20 classes"))
    footnote, rows = rows[place], rows[:place]
    assert rows[0].split("  ")[0] == "name" and rows[0].endswith("  stride")
    assert len({len(row) for row in rows}) == 1
    column = rows[0].index("kind")
    assert {row[column : column + 2] for row in rows[1:]} == {"2D", "3D"}
    assert "37,856,052" in networks_table(20)
    assert footnote.startswith("with 20 classes; stride of the features")


def test_the_verb_prints_the_table(capsys):
    assert main(["networks", "--classes", "7"]) == 0
    assert capsys.readouterr().out == networks_table(7) + "\n"
    with pytest.raises(SystemExit):
        main(["networks", "--classes", "none"])
    assert "is no number of classes from 1 to 65535" in capsys.readouterr().err
