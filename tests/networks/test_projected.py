"""The projected discriminator: shapes, what learns and what does not, and a whole training with exact resume."""

from pathlib import Path

import pytest
import torch

from cyclegan.networks import ProjectedDiscriminator
from tests.commands import fail_command, run_command
from tests.test_train import assert_same_losses, assert_same_weights, checkpoint, tiny

PROJECTED = ("model/discriminator=projected", "model/adversarial=hinge", "model.discriminator.width=4")


def test_there_is_a_score_for_each_patch_at_four_scales() -> None:
    network = ProjectedDiscriminator(width=4)
    for height, width in ((32, 32), (64, 40), (33, 71)):
        scores = network(torch.rand(2, 3, height, width) * 2 - 1)
        assert scores.shape == (2, 4, -(-height // 4), -(-width // 4))
        assert len(scores[0, 3].unique()) <= -(-height // 32) * -(-width // 32)  # coarse scores are repeated


def test_only_the_heads_learn_and_gradients_reach_the_picture() -> None:
    network = ProjectedDiscriminator(width=4)
    learning = {name.partition(".")[0] for name, each in network.named_parameters() if each.requires_grad}
    assert learning == {"heads"}
    x = torch.rand(1, 3, 32, 32, requires_grad=True)
    network(x).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().max() > 0


def test_each_head_scores_only_its_own_scale() -> None:
    network = ProjectedDiscriminator(width=4)
    network(torch.rand(1, 3, 64, 64))[:, 1].sum().backward()
    moved = [any(each.grad is not None and each.grad.any() for each in head.parameters()) for head in network.heads]
    assert moved == [False, True, False, False]


def test_gray_pictures_are_refused_with_advice() -> None:
    with pytest.raises(ValueError, match="channels must be 3, as the eyes see colours, got 1"):
        ProjectedDiscriminator(channels=1)


def test_a_training_with_eyes_resumes_bit_for_bit_and_saves_no_frozen_weights(
    domain_root: Path, tmp_path: Path
) -> None:
    augmented = "model.discriminator.augment=[colour,translation,cutout]"
    options = (
        *PROJECTED,
        augmented,
        "trainer.precision=bf16-mixed",
        "trainer.max_epochs=2",
        "model.descent.decay=0",
        "model.pool_size=3",
    )
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for run, steps in ((whole, 3), (parts, 2)):
        assert run_command("train", *tiny(domain_root, run, *options, f"trainer.max_steps={steps}")) == 0
    assert run_command("train", f"resume={parts}", "trainer.max_steps=3") == 0
    assert_same_weights(whole, parts)
    assert_same_losses(whole, parts)
    state = checkpoint(whole)["state_dict"]
    assert not [name for name in state if ".eyes.blocks" in name]
    assert state["disc_a.eyes.digest"].numel() == 32
    assert (whole / "checkpoints" / "last.ckpt").stat().st_size < 2**20


def test_the_weights_of_a_discriminator_without_eyes_are_refused_in_one_line(
    run: Path, domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = tiny(domain_root, tmp_path / "new", f"init_from={run}", *PROJECTED)
    assert "must be of networks with eyes" in fail_command(capsys, "train", *options)
