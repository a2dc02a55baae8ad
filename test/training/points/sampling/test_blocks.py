# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest
import torch

from training.points.cloud import UNLABELED, LabelledCloud
from training.points.networks.point_network import PointNetworkError
from training.points.networks.pointweb import PointWeb
from training.points.networks.registry import build_sampling
from training.points.prediction import predict_scene
from training.points.sampling.blocks import Block, BlockSampling


def room(count: int = 20_000, size=(3.2, 2.3, 2.5), low=(-7.0, 4.0, 1.0)) -> LabelledCloud:
    rng = np.random.default_rng(0)
    points = (np.array(low) + rng.random((count, 3)) * size).astype(np.float32)
    return LabelledCloud(
        points,
        rng.integers(0, 256, (count, 3)).astype(np.float32),
        rng.integers(UNLABELED, 13, count),
    )


ROOM = room()


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what is computed here is small
    yield
    torch.set_num_threads(threads)


def origin(cloud: LabelledCloud, block: Block) -> np.ndarray:
    """The scene's numbers of a block's points, by their place in the room."""
    low, high = cloud.points.min(0), cloud.points.max(0)
    points = low + block.places.astype(np.float64) * (high - low)
    distances = np.abs(cloud.points[None, :, :] - points[:, None, :]).max(2)
    assert distances.min(1).max() < 1e-5
    return distances.argmin(1)


def test_a_block_is_the_column_around_a_point_with_its_points_colours_and_labels():
    sampling = BlockSampling(num_points=500)
    block = sampling.draw(ROOM, np.random.default_rng(1))
    rows = origin(ROOM, block)
    assert len(block) == len(np.unique(rows)) == 500
    assert np.array_equal(block.colors, ROOM.colors[rows])
    assert np.array_equal(block.labels, ROOM.labels[rows])
    assert np.abs(block.points[:, :2]).max() <= 0.5
    assert np.allclose(block.points[:, 2], ROOM.points[rows, 2] - ROOM.points[:, 2].min())
    centers = ROOM.points[rows, :2] - block.points[:, :2]
    assert np.ptp(centers, 0).max() < 1e-5
    assert np.abs(ROOM.points[:, :2] - centers[0]).max(1).min() < 1e-5  # it is one of the points


def test_a_block_of_fewer_points_cannot_be_learned():
    sampling = BlockSampling(num_points=500)
    block = sampling.draw(ROOM, np.random.default_rng(1))
    assert sampling.can_be_learned(block)
    assert not sampling.can_be_learned(block.take(np.arange(499)))


def test_blocks_are_around_points_drawn_evenly_and_cover_their_column_evenly():
    sampling, rng = BlockSampling(num_points=256), np.random.default_rng(2)
    blocks = [sampling.draw(ROOM, rng) for _ in range(300)]
    low, high = ROOM.points.min(0), ROOM.points.max(0)
    places = np.array([b.places.astype(np.float64)[0] * (high - low) - b.points[0] for b in blocks])
    assert np.allclose(places[:, :2].mean(0), (high - low)[:2] / 2, atol=0.15)
    assert np.allclose(places[:, :2].std(0), (high - low)[:2] / np.sqrt(12), atol=0.1)
    inner = [
        b
        for b, p in zip(blocks, places, strict=True)
        if (np.abs(p[:2] - (high - low)[:2] / 2) < (high - low)[:2] / 2 - 0.5).all()
    ]
    offsets = np.concatenate([b.points for b in inner])[:, :2]
    assert len(inner) > 50
    assert np.allclose(offsets.mean(0), 0, atol=0.02)
    assert np.allclose(offsets.std(0), 1 / np.sqrt(12), atol=0.01)


def test_points_are_repeated_where_a_column_has_too_few():
    block = BlockSampling().draw(ROOM, np.random.default_rng(3))
    distinct = len(np.unique(block.places, axis=0))
    assert len(block) == 4096 and 1024 < distinct < 4096


def test_a_training_column_has_more_points_than_the_least_number():
    dense = ROOM.take(ROOM.points[:, 0] < ROOM.points[:, 0].min() + 1.2)
    sparse = ROOM.take(np.arange(400))
    both = LabelledCloud(
        np.concatenate([dense.points, sparse.points + np.array([50, 0, 0])]).astype(np.float32),
        np.concatenate([dense.colors, sparse.colors]),
        np.concatenate([dense.labels, sparse.labels]),
    )
    rng = np.random.default_rng(4)
    for _ in range(30):
        assert BlockSampling(num_points=64).draw(both, rng).places[:, 0].max() < 0.1


@pytest.mark.parametrize("count", [1, 31, 1024])
def test_scenes_of_too_few_points_give_no_block(count):
    assert BlockSampling().draw(ROOM.take(np.arange(count)), np.random.default_rng(0)) is None


def test_scenes_whose_columns_all_have_too_few_points_give_no_block():
    wide = room(5000, size=(40, 40, 3))
    assert BlockSampling().draw(wide, np.random.default_rng(0)) is None


def test_points_all_at_one_place_give_a_block_of_finite_numbers():
    cloud = ROOM.take(np.zeros(2000, int))
    sampling = BlockSampling()
    batch = sampling.batch([sampling.draw(cloud, np.random.default_rng(0))])
    assert all(bool(tensor.isfinite().all()) for tensor in batch.inputs)


def test_the_same_chance_draws_the_same_block():
    one, other = (BlockSampling().draw(ROOM, np.random.default_rng(5)) for _ in range(2))
    for field in dataclasses.fields(Block):
        assert np.array_equal(getattr(one, field.name), getattr(other, field.name))


def test_a_batch_has_coordinates_and_as_features_colour_and_place():
    sampling, rng = BlockSampling(num_points=100), np.random.default_rng(6)
    blocks = [sampling.draw(ROOM, rng) for _ in range(3)]
    batch = sampling.batch(blocks)
    points, features = batch.inputs
    assert points.shape == (3, 100, 3) and features.shape == (3, 100, 6)
    assert points.dtype == features.dtype == torch.float32 and batch.labels.dtype == torch.int64
    assert np.array_equal(points[1].numpy(), blocks[1].points)
    assert np.allclose(features[2, :, :3].numpy() * 255, blocks[2].colors, atol=1e-4)
    assert np.array_equal(features[2, :, 3:].numpy(), blocks[2].places)
    assert np.array_equal(batch.labels.numpy(), np.concatenate([b.labels for b in blocks]))
    assert features.min() >= 0 and features.max() <= 1
    bare = dataclasses.replace(sampling, colors=False).batch(blocks)
    assert torch.equal(bare.inputs[1], features[..., 3:])


def test_some_of_a_block_keep_their_places():
    block = BlockSampling(num_points=50).draw(ROOM, np.random.default_rng(7))
    assert np.array_equal(block.take(np.array([4, 2])).places, block.places[[4, 2]])


def published_blocks(points: np.ndarray, size: float, stride: float) -> list[tuple]:
    """Middle, and points inside, of each block that the published rule makes of a room."""
    low, high = points.astype(float).min(0), points.astype(float).max(0)
    counts = [int(np.ceil((high[k] - low[k] - size) / stride) + 1) for k in range(2)]
    blocks = []
    for across in range(counts[0]):
        for along in range(counts[1]):
            ends = [min(low[k] + n * stride + size, high[k]) for k, n in ((0, across), (1, along))]
            inside = np.ones(len(points), bool)
            for axis, end in enumerate(ends):
                inside &= (points[:, axis] >= end - size - 1e-8) & (points[:, axis] <= end + 1e-8)
            if inside.any():
                blocks.append(([end - size / 2 for end in ends], set(np.flatnonzero(inside))))
    return blocks


def test_parts_are_the_published_blocks_filled_up_to_whole_ones():
    sampling = BlockSampling(num_points=512, blocks_at_once=1)
    colors = ROOM.colors.astype(np.uint8)
    parts = list(sampling.parts(ROOM.points, colors))
    low = ROOM.points.min(0)
    for middle, inside in published_blocks(ROOM.points, 1.0, 0.5):
        needed = -(-len(inside) // 512)
        mine, parts = parts[:needed], parts[needed:]
        rows = np.concatenate([part.points for part in mine])
        assert set(rows) == inside
        assert np.unique(rows, return_counts=True)[1].max() <= 2
        for part in mine:
            points, features = (tensor[0].numpy() for tensor in part.inputs)
            assert points.shape == (512, 3)
            assert np.array_equal(part.rows, np.arange(512))
            own = ROOM.points[part.points]
            assert np.allclose(points, own - [*middle, low[2]], atol=1e-5)
            assert np.allclose(features[:, :3], colors[part.points] / 255, atol=1e-6)
            assert np.allclose(features[:, 3:], (own - low) / np.ptp(ROOM.points, 0), atol=1e-6)
    assert not parts


def test_blocks_put_together_are_the_same_blocks():
    colors = ROOM.colors.astype(np.uint8)
    singly = list(BlockSampling(num_points=512, blocks_at_once=1).parts(ROOM.points, colors))
    together = list(BlockSampling(num_points=512, blocks_at_once=8).parts(ROOM.points, colors))
    assert len(together) == -(-len(singly) // 8)
    for k in (0, 1):
        one, other = (torch.cat([p.inputs[k] for p in parts]) for parts in (singly, together))
        assert torch.equal(one, other)
    assert np.array_equal(together[1].rows, np.arange(8 * 512))


def test_parts_are_the_same_each_time():
    colors = ROOM.colors.astype(np.uint8)
    one, other = (list(BlockSampling().parts(ROOM.points, colors)) for _ in range(2))
    assert all(np.array_equal(a.points, b.points) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    "size",
    [(3.2, 2.3, 2.5), (1.0, 1.0, 1.0), (0.4, 0.3, 0.2), (7.77, 0.05, 1.0), (1.5, 1.500001, 2.0)],
)
@pytest.mark.parametrize("low", [(0, 0, 0), (-1234.5, 987.6, 3.0)])
def test_every_point_is_in_a_part(size, low):
    cloud = room(3000, size, low)
    parts = list(BlockSampling(num_points=256).parts(cloud.points, cloud.colors.astype(np.uint8)))
    assert len(np.unique(np.concatenate([part.points for part in parts]))) == 3000
    assert all(bool(tensor.isfinite().all()) for part in parts for tensor in part.inputs)


def small_network() -> PointWeb:
    torch.manual_seed(0)
    return PointWeb(3, centroids=(32, 32, 32, 3)).eval()


@pytest.mark.parametrize("count", [1, 20, 300])
def test_scenes_of_a_few_points_are_predicted(count):
    cloud = ROOM.take(np.arange(count))
    sampling = BlockSampling(num_points=64, block_size=5.0)
    prediction = predict_scene(
        small_network(), sampling, cloud.points, cloud.colors.astype(np.uint8), where="a scene"
    )
    assert prediction.features.shape == (count, 128)
    assert bool(prediction.logits.isfinite().all())


def test_what_blocks_say_of_a_point_is_averaged():
    cloud, sampling, network = (
        room(200, (1.7, 1.2, 2)),
        BlockSampling(num_points=64),
        small_network(),
    )
    colors = cloud.colors.astype(np.uint8)
    prediction = predict_scene(network, sampling, cloud.points, colors, where="a scene")
    said = [[] for _ in range(200)]
    with torch.no_grad():
        for part in sampling.parts(cloud.points, colors):
            for number, row in zip(part.points, network(*part.inputs).logits, strict=True):
                said[number].append(row)
    assert max(map(len, said)) > 2
    expected = torch.stack([torch.stack(rows).mean(0) for rows in said])
    assert torch.allclose(prediction.logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"stride": 1.5},
        {"stride": 0.0},
        {"block_size": float("nan")},
        {"block_size": float("inf")},
        {"num_points": 0},
        {"blocks_at_once": 0},
        {"blocks_at_once": 2.5},
        {"num_points": 64.5},
        {"colors": 1},
        {"voxel_size": 0.05},
    ],
)
def test_impossible_settings_are_one_sentence(settings):
    with pytest.raises(PointNetworkError, match="sampling of 3D network 'pointweb'"):
        build_sampling("pointweb", settings)
