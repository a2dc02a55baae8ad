# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
import torch

from training.points.cloud import UNLABELED, CloudError, LabelledCloud
from training.points.networks.point_network import PointNetworkError
from training.points.networks.registry import build_point_network, build_sampling
from training.points.prediction import predict_scene
from training.points.sampling.voxels import VoxelSampling, voxelise


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors gain nothing from more, and lose much where the cores are busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def room(count=3000, seed=0, low=(-2.3, -1.1, -0.2), high=(1.9, 2.7, 0.6), classes=5):
    """Points that fill a box, one class for each half metre along x."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(low, high, (count, 3)).astype(np.float32)
    colors = rng.integers(0, 256, (count, 3)).astype(np.float32)
    labels = np.floor(points[:, 0] * 2).astype(np.int64) % classes
    return LabelledCloud(points, colors, labels)


def voxels_by_dictionary(points, voxel_size):
    """Numbers of the points of each voxel of the unshifted grid."""
    found = {}
    for number, point in enumerate(points.tolist()):
        key = tuple(math.floor(value * (1.0 / voxel_size)) for value in point)
        found.setdefault(key, []).append(number)
    return found


@pytest.mark.parametrize("voxel_size", [0.02, 0.05, 0.3])
def test_voxels_are_those_of_a_search_point_by_point(voxel_size):
    cloud = room()
    expected = voxels_by_dictionary(cloud.points, voxel_size)
    voxels = voxelise(cloud.points, voxel_size)
    keys = [tuple(key) for key in (voxels.coordinates + voxels.lowest).tolist()]
    assert keys == sorted(expected)
    assert voxels.first.tolist() == [expected[key][0] for key in keys]
    for row, key in enumerate(keys):
        assert np.flatnonzero(voxels.rows == row).tolist() == expected[key]


def test_the_shift_is_a_multiple_of_the_coarsest_stride_and_leaves_nothing_negative():
    voxels = voxelise(room().points, 0.05)
    assert (voxels.lowest % 16 == 0).all()
    assert (voxels.coordinates.min(0) >= 0).all()
    assert (voxels.coordinates.min(0) < 16).all()


def test_a_scene_is_one_part_that_names_every_point_once():
    cloud = room()
    (part,) = VoxelSampling(voxel_size=0.1).parts(cloud.points, cloud.colors.astype(np.uint8))
    assert part.points.tolist() == list(range(len(cloud)))
    assert part.rows.min() == 0
    assert part.rows.max() == len(part.inputs[0]) - 1
    assert part.inputs[0].dtype == torch.int32
    assert part.inputs[1].dtype == torch.float32


def test_a_voxel_looks_like_its_first_point():
    points = np.array([[0.01, 0, 0], [0.31, 0, 0], [0.02, 0, 0]], np.float32)
    colors = np.array([[255, 0, 51], [0, 0, 0], [9, 9, 9]], np.uint8)
    (part,) = VoxelSampling(voxel_size=0.1).parts(points, colors)
    assert part.inputs[0].tolist() == [[0, 0, 0, 0], [0, 3, 0, 0]]
    assert part.inputs[1].numpy() == pytest.approx(
        np.array([[0.5, -0.5, -0.3], [-0.5, -0.5, -0.5]])
    )
    assert part.rows.tolist() == [0, 1, 0]


def test_positions_are_voxels_from_the_scenes_middle_and_its_floor():
    cloud = room()
    sampling = VoxelSampling(voxel_size=0.05, positions="voxels")
    (part,) = sampling.parts(cloud.points, cloud.colors.astype(np.uint8))
    keys = np.array(sorted(voxels_by_dictionary(cloud.points, 0.05)), np.float64)
    expected = keys - [keys[:, 0].mean(), keys[:, 1].mean(), 0.0]
    assert part.inputs[1].shape == (len(keys), 6)
    assert part.inputs[1][:, 3:].numpy() == pytest.approx(expected, abs=1e-4)


def test_positions_in_metres_are_the_first_points_from_their_mean():
    cloud = room()
    sampling = VoxelSampling(voxel_size=0.2, positions="metres")
    (part,) = sampling.parts(cloud.points, cloud.colors.astype(np.uint8))
    groups = voxels_by_dictionary(cloud.points, 0.2)
    first = cloud.points[[groups[key][0] for key in sorted(groups)]]
    expected = first - first.astype(np.float64).mean(0)
    assert part.inputs[1][:, 3:].numpy() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("positions", ["none", "voxels", "metres"])
def test_a_network_is_trained_on_what_it_predicts_from(positions):
    dense, sparse = room(4000, high=(-1.8, -0.6, 0.3)), room(800, seed=1)
    points = np.concatenate([dense.points, sparse.points])
    colors = np.concatenate([dense.colors, sparse.colors])
    cloud = LabelledCloud(points, colors, np.zeros(len(points), np.int64))
    sampling = VoxelSampling(voxel_size=0.1, positions=positions)
    batch = sampling.batch([sampling.draw(cloud, np.random.default_rng(0))])
    (part,) = sampling.parts(points, colors.astype(np.uint8))
    for trained, predicted in zip(batch.inputs, part.inputs, strict=True):
        assert torch.equal(trained, predicted)


def test_a_sample_keeps_one_point_for_each_voxel_and_its_batch_is_the_scenes():
    cloud, sampling = room(), VoxelSampling(voxel_size=0.2)
    sample = sampling.draw(cloud, np.random.default_rng(0))
    assert len(sample) == len(voxels_by_dictionary(cloud.points, 0.2)) < len(cloud)
    drawn, whole = sampling.batch([sample]), sampling.batch([cloud])
    for one, other in zip(drawn.inputs, whole.inputs, strict=True):
        assert torch.equal(one, other)
    assert torch.equal(drawn.labels, whole.labels)


def test_a_voxel_has_a_class_where_all_its_points_agree():
    x = np.array([0.01, 0.02, 0.11, 0.12, 0.21, 0.22, 0.31, 0.41], np.float32)
    points = np.stack([x, 0 * x, 0 * x], 1)
    labels = np.array([3, 3, 1, 2, 1, UNLABELED, UNLABELED, 4])
    cloud = LabelledCloud(points, np.zeros_like(points), labels)
    batch = VoxelSampling(voxel_size=0.1).batch([cloud])
    assert batch.labels.tolist() == [3, UNLABELED, UNLABELED, UNLABELED, 4]


def test_scenes_of_a_batch_are_numbered_and_in_order():
    sampling = VoxelSampling(voxel_size=0.2)
    clouds = [room(seed=seed) for seed in range(3)]
    batch = sampling.batch(clouds)
    rows = batch.inputs[0].tolist()
    assert rows == sorted(rows)
    assert len({tuple(row) for row in rows}) == len(rows) == len(batch.labels)
    for number, cloud in enumerate(clouds):
        alone = sampling.batch([cloud])
        mask = batch.inputs[0][:, 0] == number
        assert torch.equal(batch.inputs[0][mask][:, 1:], alone.inputs[0][:, 1:])
        assert torch.equal(batch.inputs[1][mask], alone.inputs[1])
        assert torch.equal(batch.labels[mask], alone.labels)


def test_samples_beyond_the_cap_are_left_out():
    clouds = [room(seed=seed) for seed in range(3)]
    counts = [len(VoxelSampling(voxel_size=0.2).batch([cloud]).labels) for cloud in clouds]
    for cap, scenes in [(sum(counts), 3), (sum(counts) - 1, 2), (counts[0], 1), (1, 1)]:
        batch = VoxelSampling(voxel_size=0.2, point_cap=cap).batch(clouds)
        assert len(batch.labels) == sum(counts[:scenes])


def test_a_scene_larger_than_the_cap_is_cut_to_voxels_around_one():
    cloud = room()
    sample = VoxelSampling(voxel_size=0.1, point_cap=400).draw(cloud, np.random.default_rng(3))
    whole = VoxelSampling(voxel_size=0.1).draw(cloud, np.random.default_rng(3))
    assert len(sample) == 400 < len(whole)
    taken = {tuple(point) for point in sample.points.tolist()}
    left = np.array([point for point in whole.points.tolist() if tuple(point) not in taken])

    def reach(centre):
        return np.square(sample.points[:, :2] - centre).sum(1).max()

    centre = min(sample.points[:, :2], key=reach)
    assert np.square(left[:, :2] - centre).sum(1).min() >= reach(centre) - 1e-6


def test_a_window_is_square_random_and_has_all_that_lies_in_it():
    cloud = room(6000)
    sampling = VoxelSampling(voxel_size=0.1, crop_m=1.5)
    whole = VoxelSampling(voxel_size=0.1).draw(cloud, np.random.default_rng(0)).points
    middles = []
    for seed in range(8):
        points = sampling.draw(cloud, np.random.default_rng(seed)).points
        again = sampling.draw(cloud, np.random.default_rng(seed)).points
        assert (points == again).all()
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        assert (high - low <= 1.5 + 1e-6).all()
        assert np.ptp(points[:, 2]) == pytest.approx(np.ptp(whole[:, 2]), abs=0.1)
        inside = (whole[:, :2] >= low + 0.1).all(1) & (whole[:, :2] <= high - 0.1).all(1)
        assert {tuple(p) for p in whole[inside].tolist()} <= {tuple(p) for p in points.tolist()}
        middles.append((low + high) / 2)
    assert np.std(middles, 0).min() > 0.2


def test_what_no_batch_norm_can_be_trained_on_is_not_drawn():
    rng = np.random.default_rng(0)
    sampling = VoxelSampling(voxel_size=0.1)
    points = np.zeros((1, 3), np.float32)
    one = LabelledCloud(points, points, np.zeros(1, np.int64))
    assert sampling.draw(one, rng) is None
    small = room(low=(0, 0, 0), high=(1.59, 1.59, 1.59))
    assert sampling.draw(small, rng) is None
    assert sampling.draw(small.take(np.arange(0)), rng) is None
    large = room(low=(0, 0, 0), high=(1.7, 1.5, 1.5))
    sample = sampling.draw(large, rng)
    network = build_point_network("res16unet14a", {"conv1_kernel_size": 3}, 5).train()
    assert bool(torch.isfinite(network(*sampling.batch([sample]).inputs).logits).all())


def test_a_sample_can_be_learned_with_a_class_and_two_voxels_at_the_coarsest_stride():
    sampling = VoxelSampling(voxel_size=0.1)
    points = np.array([[0, 0, 0], [1.5, 0, 0], [1.7, 0, 0]], np.float32)
    sample = LabelledCloud(points, points, np.array([UNLABELED, 1, UNLABELED]))
    assert sampling.can_be_learned(sample)
    assert sampling.can_be_learned(sample.take([1, 2]))
    assert not sampling.can_be_learned(sample.take([0, 1]))
    assert not sampling.can_be_learned(sample.take([0, 2]))


def test_a_scene_without_classes_is_not_drawn():
    cloud = room()
    cloud = LabelledCloud(cloud.points, cloud.colors, np.full_like(cloud.labels, UNLABELED))
    assert VoxelSampling(voxel_size=0.1).draw(cloud, np.random.default_rng(0)) is None


@pytest.mark.parametrize("count", [1, 2])
def test_few_points_get_predictions(count):
    network = build_point_network("res16unet14a", {"conv1_kernel_size": 3}, 5).eval()
    points = np.array([[-0.4, 9.0, 1.0], [3.0, 0.0, 0.0]], np.float32)[:count]
    colors = np.full((count, 3), 90, np.uint8)
    prediction = predict_scene(network, VoxelSampling(), points, colors, where="a scene")
    assert prediction.features.shape == (count, 96)
    assert bool(torch.isfinite(prediction.logits).all())


def test_points_of_a_voxel_get_the_same_prediction_and_order_does_not_matter_otherwise():
    network = build_point_network("res16unet14a", {"conv1_kernel_size": 3}, 5).eval()
    sampling = VoxelSampling(voxel_size=0.2)
    cloud = room(400)
    sample = sampling.draw(cloud, np.random.default_rng(0))
    colors = sample.colors.astype(np.uint8)
    order = np.random.default_rng(1).permutation(len(sample))
    one = predict_scene(network, sampling, sample.points, colors, where="a")
    other = predict_scene(network, sampling, sample.points[order], colors[order], where="b")
    assert torch.allclose(one.logits[order], other.logits, atol=1e-5)
    twice = np.concatenate([sample.points, sample.points])
    both = predict_scene(network, sampling, twice, np.concatenate([colors, colors]), where="c")
    assert torch.equal(both.logits[: len(sample)], both.logits[len(sample) :])


@pytest.mark.parametrize("far", [700.0, 1e30, np.inf, np.nan])
def test_a_scene_larger_than_the_range_is_refused_with_a_sentence(far):
    points = np.array([[0, 0, 0], [far, 0, 0]], np.float32)
    sampling = VoxelSampling(voxel_size=0.02)
    with pytest.raises(CloudError, match="more than the 655.34 m that voxels of 0.02 m reach"):
        next(sampling.parts(points, np.zeros((2, 3), np.uint8)))


def test_a_scene_far_from_the_origin_is_no_trouble():
    cloud = room()
    moved = voxelise(cloud.points + np.float32(8192.0), 0.25)
    here = voxelise(cloud.points + np.float32(0.0), 0.25)
    assert len(moved.first) == pytest.approx(len(here.first), rel=0.02)
    assert moved.coordinates.max() < 64


def test_no_points_and_no_samples_are_refused():
    with pytest.raises(CloudError, match="no points"):
        voxelise(np.zeros((0, 3), np.float32), 0.02)
    with pytest.raises(CloudError, match="at least one sample"):
        VoxelSampling().batch([])


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"voxel_size": 0.0}, "voxel_size is 0.0"),
        ({"voxel_size": math.nan}, "voxel_size is nan"),
        ({"point_cap": 0}, "point_cap is 0"),
        ({"crop_m": -1.0}, "crop_m is -1.0"),
        ({"positions": "feet"}, "positions is feet, it must be of none, voxels, metres"),
        ({"positions": True}, "sampling.positions is True, must be of type str"),
        ({"point_cap": 1.5}, "sampling.point_cap is 1.5, must be of type int"),
        ({"crop": 1.0}, "crop"),
    ],
)
def test_impossible_settings_are_refused_with_a_sentence(settings, message):
    with pytest.raises(PointNetworkError, match=message):
        build_sampling("res16unet34c", settings)
