# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from training.ssr.daformer import daformer
from training.ssr.teacher import as_teacher, decay, follow, teaching


def network(value: float) -> nn.Sequential:
    made = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    for parameter in made.parameters():
        nn.init.constant_(parameter, value)
    return made


def test_decay_by_hand() -> None:
    assert [decay(step, 0.999) for step in range(4)] == [0, 0.5, pytest.approx(2 / 3), 0.75]
    assert decay(998, 0.999) == pytest.approx(998 / 999) and decay(100_000, 0.999) == 0.999
    assert decay(3, 0.6) == 0.6


def test_the_teacher_is_the_mean_of_all_students_at_first() -> None:
    teacher = as_teacher(network(100.0))
    for step, (student, mean) in enumerate([(1.0, 1.0), (2.0, 1.5), (6.0, 3.0), (7.0, 4.0)]):
        follow(teacher, network(student), step, 0.999)
        assert [p.item() for p in teacher.parameters()] == pytest.approx([mean] * 4)


def test_the_teacher_becomes_the_student_at_step_0_exactly() -> None:
    torch.manual_seed(0)
    teacher, student = as_teacher(nn.Linear(20, 20)), nn.Linear(20, 20)
    follow(teacher, student, 0, 0.999)
    assert torch.equal(teacher.weight, student.weight) and torch.equal(teacher.bias, student.bias)


def test_a_cap_of_the_decay() -> None:
    teacher = as_teacher(network(1.0))
    follow(teacher, network(2.0), 1000, 0.9)
    assert [p.item() for p in teacher.parameters()] == pytest.approx([1.1] * 4)


def test_a_teacher_is_a_frozen_copy_that_does_not_drop_anything() -> None:
    torch.manual_seed(0)
    student = daformer("b0", 3, channels=8, drop_path=0.5, dropout=0.5).train()
    teacher = as_teacher(student)
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert all(parameter.requires_grad for parameter in student.parameters())
    assert not {id(p) for p in teacher.parameters()} & {id(p) for p in student.parameters()}
    learning = [module for module in teacher.modules() if module.training]
    norms = [module for module in teacher.modules() if isinstance(module, nn.BatchNorm2d)]
    assert learning == norms and len(norms) == 8
    image = torch.randn(2, 3, 64, 64)
    assert torch.equal(teacher(image), teacher(image))
    teacher.train()
    assert not torch.equal(teacher(image), teacher(image))
    teaching(teacher)
    assert torch.equal(teacher(image), teacher(image))


def test_a_teacher_sees_by_the_statistics_of_its_batch() -> None:
    teacher = as_teacher(nn.Sequential(nn.BatchNorm2d(1, affine=False)))
    image = torch.tensor([10.0, 30.0]).view(1, 1, 1, 2)
    assert teacher(image).flatten().tolist() == pytest.approx([-1, 1], abs=1e-4)
