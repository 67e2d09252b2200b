# SPDX-License-Identifier: Apache-2.0
"""Masked average pooling, prototypes over the whole training, and both in two processes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from training import checkpoint
from training.sartm.prototypes import GlobalPrototypes, Prototypes, pool


def batch() -> tuple[Tensor, Tensor]:
    """Two pictures of 1 × 3 cells and two channels, the second ten times the first; class 2 is nowhere."""
    features = torch.tensor([[[[1.0, 3.0, 50.0]], [[2.0, 4.0, 60.0]]]])
    return torch.cat([features, 10 * features]), torch.tensor([[[0, 0, 255]], [[0, 1, 255]]])


def prototypes(rows: list[list[float]], known: list[bool]) -> Prototypes:
    return Prototypes(torch.tensor(rows), torch.tensor(known))


def test_pooling_by_hand() -> None:
    features, label = batch()
    features.requires_grad_()
    found = pool(features, label, 3)
    # Over three cells of class 0 in two pictures, and divided by their number once.
    assert found.known.tolist() == [True, True, False]
    assert found.mean[0].tolist() == pytest.approx([14 / 3, 26 / 3])
    assert found.mean[1:].tolist() == [[30, 40], [0, 0]]
    found.mean[0, 0].backward()
    assert features.grad is not None
    assert features.grad.flatten().tolist() == pytest.approx([1 / 3, 1 / 3, *4 * [0], 1 / 3, *5 * [0]])


def test_the_size_of_a_class_does_not_scale_its_prototype() -> None:
    label = torch.zeros(1, 8, 8, dtype=torch.long)
    label[:, 0, 0] = 1
    found = pool(torch.full((1, 2, 8, 8), 5.0), label, 2)
    assert found.mean.tolist() == [[5, 5], [5, 5]]


def test_pictures_without_the_stream_are_left_out() -> None:
    features, label = batch()
    features[1] = torch.inf
    found = pool(features, label, 3, torch.tensor([1.0, 0.0]))
    assert found.mean.tolist() == [[2, 3], [0, 0], [0, 0]] and found.known.tolist() == [True, False, False]
    nothing = pool(features, label, 3, torch.zeros(2))
    assert not nothing.known.any() and not nothing.mean.any()


def test_a_cell_has_the_label_of_the_pixel_at_its_middle() -> None:
    label = torch.zeros(1, 6, 6, dtype=torch.long)
    label[0, 1, 1], label[0, 4, 4] = 1, 2  # the middles of the first and of the last cell of 3 × 3 pixels
    features = torch.arange(4.0).view(1, 1, 2, 2)
    found = pool(features, label, 4)
    assert found.mean[:, 0].tolist() == [1.5, 0, 3, 0] and found.known.tolist() == [True, True, True, False]


@pytest.mark.parametrize("count", [2, 19, 255])
def test_any_number_of_classes_and_unlabelled_is_none(count: int) -> None:
    label = torch.tensor([[[count - 1, 255]]])
    found = pool(torch.ones(1, 3, 1, 2), label, count)
    assert found.mean.shape == (count, 3) and found.known.nonzero().tolist() == [[count - 1]]


def test_half_precision_loses_no_pixel() -> None:
    # In bfloat16 a sum of ones stops at 256.
    features = torch.ones(1, 1, 64, 64, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = pool(features * 1.5, torch.zeros(1, 64, 64, dtype=torch.long), 1)
    assert found.mean.dtype == torch.float32 and found.mean.item() == 1.5


def test_the_average_by_hand() -> None:
    shared = GlobalPrototypes(3, 2, decay=0.75)
    assert not shared.prototypes().known.any()
    # A first prototype is taken as it is, not a quarter of it.
    shared.update(prototypes([[4.0, 8.0], [1.0, 1.0], [0.0, 0.0]], [True, True, False]))
    first = shared.prototypes()
    assert first.mean.tolist() == [[4, 8], [1, 1], [0, 0]] and first.known.tolist() == [True, True, False]
    # A class that is not in the batch keeps its own, and is not drawn to 0.
    shared.update(prototypes([[8.0, 0.0], [0.0, 0.0], [0.0, 0.0]], [True, False, False]))
    second = shared.prototypes()
    assert second.mean.tolist() == [[5, 6], [1, 1], [0, 0]] and second.known.tolist() == first.known.tolist()
    # What was given out before stays.
    assert first.mean.tolist() == [[4, 8], [1, 1], [0, 0]]


def test_the_average_has_no_gradient_and_nothing_to_train() -> None:
    shared = GlobalPrototypes(1, 2)
    shared.update(Prototypes(torch.ones(1, 2, requires_grad=True), torch.tensor([True])))
    assert not shared.prototypes().mean.requires_grad and not list(shared.parameters())


def test_the_average_is_in_the_checkpoint(tmp_path: Path) -> None:
    model = nn.ModuleDict({"prototypes": GlobalPrototypes(2, 3)})
    shared = model["prototypes"]
    assert isinstance(shared, GlobalPrototypes)
    shared.update(prototypes([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], [True, False]))
    checkpoint.save(tmp_path / checkpoint.NAME, {"network": model.state_dict()})
    again = GlobalPrototypes(2, 3)
    nn.ModuleDict({"prototypes": again}).load_state_dict(
        checkpoint.load(tmp_path / checkpoint.NAME)["network"]
    )
    assert torch.equal(again.mean, shared.mean) and again.seen.tolist() == [True, False]


PROCESS = """
import os, sys
import torch
from torch import distributed, nn
from training.sartm.losses import language_loss, prototype_loss, segmentation_loss
from training.sartm.prototypes import GlobalPrototypes, pool

rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
if world > 1:
    distributed.init_process_group("gloo")
torch.manual_seed(0)
images, text = torch.randn(4, 3, 6, 6), torch.randn(5, 7)
label, model = torch.randint(0, 4, (4, 6, 6)), nn.Conv2d(3, 5, 1)
label[:2] = label[:2].clamp(max=1)  # each process sees classes that the other one does not
label[:2, 0], label[2:, 0] = 0, 255
label[label == 3] = 4
model = nn.parallel.DistributedDataParallel(model) if world > 1 else model
shared, mine = GlobalPrototypes(5, 5), slice(4 // world * rank, 4 // world * (rank + 1))
for step in range(2):
    model.zero_grad()
    features = model(images[mine] + step)
    found = pool(features, label[mine], 5)
    shared.update(found)
    loss = segmentation_loss(features, label[mine])
    loss = loss + 10 * language_loss(found, text) + 10 * prototype_loss([found], shared.prototypes())
    loss.backward()
grads = [one.grad for one in model.parameters()]
torch.save([loss.detach(), shared.mean, shared.seen, *grads], f"{sys.argv[1]}/{world}_{rank}.pt")
"""


def test_two_processes_are_as_one(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(tmp_path)],
            env={**environment, "WORLD_SIZE": str(world), "RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for world, rank in ((1, 0), (2, 0), (2, 1))
    ]
    for process in running:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    one, first, second = (torch.load(tmp_path / f"{name}.pt") for name in ("1_0", "2_0", "2_1"))
    assert one[2].tolist() == [True, True, True, False, True]
    for alone, left, right in zip(one, first, second, strict=True):
        assert torch.equal(left, right)
        torch.testing.assert_close(left, alone, rtol=1e-5, atol=1e-6)
