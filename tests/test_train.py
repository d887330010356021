"""The train command, from the command line to the run folder."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from cyclegan import Translator
from tests.commands import TINY, fail_command, run_command
from tests.conftest import save_picture


def tiny(root: Path, run: Path, *more: str) -> tuple[str, ...]:
    return ("domain=folders", *TINY, f"domain.root={root}", f"run_dir={run}", *more)


def checkpoint(run: Path) -> dict[str, Any]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = checkpoint(one), checkpoint(other)
    assert first["state_dict"].keys() == second["state_dict"].keys()
    for name, tensor in first["state_dict"].items():
        assert torch.equal(tensor, second["state_dict"][name]), name
    for side in ("a", "b"):
        ones, others = ([rank["pools"][f"pool_{side}"]["images"] for rank in each["ranks"]] for each in (first, second))
        assert all(torch.equal(one, other) for one, other in zip(ones, others, strict=True))


def assert_same_losses(whole: Path, parts: Path) -> None:
    for one, other in zip(rows(whole), rows(parts), strict=True):  # the end of a part is scored too
        same = one if one["to_b/change_mae"] else {name: one[name] for name in one if "/" not in name}
        assert same == {name: other[name] for name in same}


def test_a_run_leaves_everything_a_person_needs(
    domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    names = ("domain.a=summer", "domain.b=winter", "domain.paired_test=true")
    assert run_command("train", *tiny(domain_root, run, *names)) == 0
    told = capsys.readouterr().out
    assert "5 summer and 4 winter" in told
    assert str(run / "to_winter") in told
    assert "one flat colour" in told
    assert {path.name for path in run.iterdir() if not path.name.startswith("events")} == {
        "config.yaml",
        "starts.csv",
        "checkpoints",
        "samples",
        "findings.json",
        "metrics.csv",
        "losses.png",
        "provenance.json",
        "report.html",
        "scores.json",
        "best",
        "best.json",
        "to_summer",
        "to_winter",
    }
    assert list(run.glob("events.out.tfevents*"))
    best, *newest = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert newest == ["last.ckpt", "step_00000002.ckpt"]
    assert best.startswith("best-00000002-ssim-")
    assert [row["step"] for row in rows(run)] == ["1", "2"]
    assert set(json.loads((run / "scores.json").read_text())) == {"summer", "winter"}
    Image.open(run / "samples" / "step_00000002.png").verify()
    Image.open(run / "losses.png").verify()
    assert Translator.from_pretrained(run, to="winter").facts.source == "summer"


@pytest.mark.parametrize("extra", [(), ("domain.workers=2", "trainer.precision=bf16-mixed")])
def test_a_resumed_run_equals_one_that_was_not_stopped(
    domain_root: Path, tmp_path: Path, extra: tuple[str, ...]
) -> None:
    more = (
        *("trainer.max_epochs=4", "trainer.deterministic=true", "model.pool_size=3", *extra),
        *("callbacks.averaging.decay=0.9", "callbacks.scores.every_n_epochs=1"),
    )
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run_command("train", *tiny(domain_root, whole, *more, "trainer.max_steps=12")) == 0
    assert run_command("train", *tiny(domain_root, parts, *more, "trainer.max_steps=3")) == 0  # within an epoch
    assert run_command("train", f"resume={parts}", "trainer.max_steps=5") == 0  # at an epoch's end
    assert run_command("train", f"resume={parts}", "trainer.max_steps=12") == 0
    assert_same_weights(whole, parts)
    assert_same_losses(whole, parts)
    averages = [load_file(run / "to_b" / "model.safetensors") for run in (whole, parts)]
    assert all(torch.equal(averages[0][name], averages[1][name]) for name in averages[0])


def test_a_run_resumed_at_every_epochs_end_plays_no_batch_more(domain_root: Path, tmp_path: Path) -> None:
    run, more = tmp_path / "run", ("trainer.max_epochs=3", "trainer.max_steps=5", "model.descent.decay=0")
    assert run_command("train", *tiny(domain_root, run, *more)) == 0
    for steps in (10, -1):
        assert run_command("train", f"resume={run}", f"trainer.max_steps={steps}") == 0
    assert [int(row["step"]) for row in rows(run)] == list(range(1, 16))
    whole = ("trainer.max_epochs=3", "trainer.max_steps=-1", "model.descent.decay=0")
    assert run_command("train", *tiny(domain_root, tmp_path / "whole", *whole)) == 0
    assert_same_losses(tmp_path / "whole", run)
    assert_same_weights(tmp_path / "whole", run)


def test_a_finished_run_says_so(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = checkpoint(run)["state_dict"]["to_a.encoder.0.weight"]
    assert run_command("train", f"resume={run}") == 0
    assert "is finished, after 6 steps" in capsys.readouterr().out
    assert torch.equal(before, checkpoint(run)["state_dict"]["to_a.encoder.0.weight"])


def test_a_run_that_died_before_its_first_checkpoint_starts_again(run: Path) -> None:
    for file in (run / "checkpoints").iterdir():
        file.unlink()
    assert run_command("train", f"resume={run}", "trainer.max_steps=2") == 0
    assert [row["step"] for row in rows(run)] == ["1", "2"]


@pytest.mark.parametrize("steps", [6, 7])
def test_a_step_is_a_batch_also_when_gradients_accumulate(domain_root: Path, tmp_path: Path, steps: int) -> None:
    more = ("model.descent.accumulate=3", f"trainer.max_steps={steps}", "trainer.max_epochs=4")
    saves = "callbacks.checkpoint.every_n_train_steps=2"
    assert run_command("train", *tiny(domain_root, tmp_path / "run", *more, saves, "callbacks.checkpoint.keep=9")) == 0
    assert len(rows(tmp_path / "run")) == steps
    names = sorted(path.name for path in (tmp_path / "run" / "checkpoints").glob("step*"))
    assert names == [
        f"step_{step:08d}.ckpt" for step in sorted({3, 6, steps})
    ]  # never between gradients, but at the end


def test_translators_hold_the_averages_when_averaging(domain_root: Path, tmp_path: Path) -> None:
    averaging = "callbacks.averaging.decay=0.5"
    assert run_command("train", *tiny(domain_root, tmp_path / "run", averaging)) == 0
    state = checkpoint(tmp_path / "run")
    average = state["callbacks"]["Averaging"]["b"]
    kept = load_file(tmp_path / "run" / "to_b" / "model.safetensors")
    for name, weight in kept.items():
        assert torch.equal(weight, average[f"module.{name}"])
    assert any(not torch.equal(weight, state["state_dict"][f"to_b.{name}"]) for name, weight in kept.items())


def test_a_run_that_goes_on_may_turn_averaging_on_and_off(run: Path) -> None:
    for steps, decay in ((7, "0.5"), (8, "null"), (9, "0.5")):
        more = (f"trainer.max_steps={steps}", "trainer.max_epochs=9", f"callbacks.averaging.decay={decay}")
        assert run_command("train", f"resume={run}", *more) == 0


def test_a_resumed_history_is_cut_back_to_the_checkpoint(run: Path) -> None:
    with (run / "metrics.csv").open("a") as file:
        file.write("7,0,0,0,0,0,0,0,0\n8,0,0,0,0,0,0,0,0\n")  # steps after the checkpoint
    assert run_command("train", f"resume={run}", "trainer.max_steps=8") == 0
    assert [row["step"] for row in rows(run)] == [str(step) for step in range(1, 9)]
    assert float(rows(run)[6]["cycle_a"]) > 0


def test_a_moved_run_goes_on(run: Path, tmp_path: Path) -> None:
    moved = run.rename(tmp_path / "a new, better name (2)")
    assert run_command("train", f"resume={moved}", "trainer.max_steps=7") == 0
    assert (moved / "checkpoints" / "step_00000007.ckpt").exists()
    assert not run.exists()


def test_checkpoints_come_by_steps_and_the_oldest_go(domain_root: Path, tmp_path: Path) -> None:
    more = ("callbacks.checkpoint.every_n_train_steps=2", "callbacks.checkpoint.keep=2", "trainer.max_steps=5")
    assert run_command("train", *tiny(domain_root, tmp_path / "run", *more)) == 0
    names = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert names == ["last.ckpt", "step_00000004.ckpt", "step_00000005.ckpt"]


def test_fine_tuning_starts_from_another_run(domain_root: Path, tmp_path: Path, run: Path) -> None:
    still = ("model.descent.generators.lr=0", "model.descent.discriminators.lr=0")
    assert run_command("train", *tiny(domain_root, tmp_path / "next", f"init_from={run}", *still)) == 0
    first, after = (checkpoint(folder)["state_dict"] for folder in (run, tmp_path / "next"))
    assert all(torch.equal(first[name], after[name]) for name in first)


def test_gray_pictures_train(domain_root: Path, tmp_path: Path) -> None:
    assert run_command("train", *tiny(domain_root, tmp_path / "run", "domain.channels=1")) == 0
    assert Translator.from_pretrained(tmp_path / "run", to="b").channels == 1


def test_two_folders_with_odd_names_are_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summer, winter = tmp_path / "Frühling (2019) a=b, it's", tmp_path / "sub" / "[winter] {x}, $1"
    for i in range(4):
        save_picture(summer / "deep" / f"{i}.jpg", seed=i)
        save_picture(winter / f"{i}.webp", seed=10 + i)
    folders = (f"domain.a_dir={summer}", f"domain.b_dir={winter}")
    assert run_command("train", "domain=folders", *TINY, *folders, f"run_dir={tmp_path / 'run'}") == 0
    assert "3 Frühling (2019) a=b, it's and 3 [winter] {x}, $1" in capsys.readouterr().out
    assert (tmp_path / "run" / f"to_{summer.name}").is_dir()


def test_each_job_of_a_sweep_has_its_own_run_folder(domain_root: Path, tmp_path: Path) -> None:
    sweep = ("--multirun", "model.lambda_identity=0,0.5", "trainer.max_steps=1", "trainer.devices=auto")
    assert run_command("train", *tiny(domain_root, tmp_path / "sweep", *sweep)) == 0
    assert (tmp_path / "sweep" / "0" / "config.yaml").exists()
    assert (tmp_path / "sweep" / "1" / "config.yaml").exists()


def test_a_users_mistake_is_told_in_one_line(
    domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "holiday.txt").write_text("mine")
    (tmp_path / "file").write_text("not a folder")
    mistakes = {
        ("domain=yosmite",): "Did you mean yosemite?",
        ("domain.batch_size=9",): "domain.batch_size must be at most 5",
        ("domain.channels=2",): "domain.channels must be 1 (gray) or 3 (colour), got 2",
        ("domain.crop_size=34",): "domain.crop_size must be a multiple of 4",
        ("domain.load_size=16",): "domain.load_size must be at least domain.crop_size",
        ("model.generator.norm=layer",): "norm must be instance, batch or none",
        ("domain.root=/nowhere",): "There is no folder /nowhere/trainA",
        ("domain.root=null",): "either domain.root, or domain.a_dir and domain.b_dir",
        ("domain.a=x", "domain.b=x"): "must have different names",
        (f"run_dir={tmp_path / 'full'}",): "exists already",
        (f"run_dir={tmp_path / 'file' / 'run'}",): "Cannot make the run folder",
        (f"resume={tmp_path / 'full'}",): "holds no config.yaml",
        (f"init_from={tmp_path / 'none'}",): "There is no run folder",
        ("trainer.accelerator=abacus",): "abacus",
        ("seed=-1",): "seed must be a whole number of at least 0",
        ("domain.b=../evil",): "must be usable as a file name",
        ("domain.transform=[]",): "domain.transform must give pictures of 32x32",
        (
            "domain.transform=[{_target_: cyclegan.data.transforms.RandomCrop, size: 999}]",
        ): "domain.transform cannot be",
        ("model.generator.channels=1",): "must take and give domain.channels=3",
        ("model.generator.width=0",): "width must be at least 1",
        ("model.adversarial._target_=cyclegan.losses.adversarial.Hing",): "got cyclegan.losses.adversarial.Hing",
        ("model.descent.accumulate=0",): "accumulate must be at least 1",
        ("model.descent.decay=3",): "decay must be from 0 to 1",
        ("model.pool_size=-1",): "pool_size must be at least 0",
        ("trainer.max_epochs=-1", "trainer.max_steps=-1"): "trainer.max_epochs or trainer.max_steps",
        ("callbacks.samples.pictures=0",): "callbacks.samples must have",
        ("callbacks.checkpoint.keep=0",): "callbacks.checkpoint must have",
        ("callbacks.averaging.decay=2",): "callbacks.averaging.decay must be",
    }
    for arguments, line in mistakes.items():
        assert line in fail_command(capsys, "train", *tiny(domain_root, tmp_path / "run", *arguments)), arguments
        assert not (tmp_path / "run").exists(), arguments
    assert (tmp_path / "full" / "holiday.txt").read_text() == "mine"


def test_what_cannot_change_in_a_run_is_refused(
    domain_root: Path, tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = (run / "config.yaml").read_text()
    resume = (f"resume={run}", "trainer.max_steps=8")
    for change in (
        "domain=seasons",
        "model.generator.width=8",
        "domain.crop_size=64",
        "seed=3",
        "init_from=x",
        "run_dir=x",
    ):
        assert "cannot change in a resumed run" in fail_command(capsys, "train", *resume, change)
    assert "no option callbacks.extra" in fail_command(capsys, "train", *resume, "+callbacks.extra.x=3")
    assert (run / "config.yaml").read_text() == config
    other = tiny(domain_root, tmp_path / "new", f"init_from={run}", "model.generator.width=8")
    assert "must be of the same networks" in fail_command(capsys, "train", *other)
    for option in ("residual=true", "norm=none"):  # the weights' shapes do not tell
        other = tiny(domain_root, tmp_path / "new", f"init_from={run}", f"model.generator.{option}")
        name = option.partition("=")[0]
        assert f"Set model.generator.{name}=" in fail_command(capsys, "train", *other)


@pytest.mark.parametrize("broken", [b"", b"\xff\xd8\xff\xe0 no picture"])
def test_broken_pictures_stop_a_run_before_it_starts(
    domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: bytes
) -> None:
    (domain_root / "trainA" / "broken.jpg").write_bytes(broken)
    line = fail_command(capsys, "train", *tiny(domain_root, tmp_path / "run"))
    assert "1 of 16 pictures cannot be read" in line
    assert "broken.jpg" in line
    assert "domain.skip_broken=true" in line
    assert run_command("train", *tiny(domain_root, tmp_path / "run", "domain.skip_broken=true")) == 0
    assert "5 a and 4 b" in capsys.readouterr().out


def test_one_picture_makes_no_look(domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for picture in sorted((domain_root / "trainB").iterdir())[1:]:
        picture.unlink()
    assert "at least 2 pictures, got one" in fail_command(capsys, "train", *tiny(domain_root, tmp_path / "run"))


def test_a_broken_checkpoint_is_named(
    domain_root: Path, tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (run / "checkpoints").glob("step_*"):
        file.unlink()
    last = run / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:999])
    assert "last.ckpt cannot be read" in fail_command(capsys, "train", f"resume={run}", "trainer.max_steps=9")
    again = tiny(domain_root, tmp_path / "new", f"init_from={run}")
    assert "last.ckpt cannot be read" in fail_command(capsys, "train", *again)
    (run / "config.yaml").write_text("a: [")
    assert "config.yaml cannot be read" in fail_command(capsys, "train", f"resume={run}")


@pytest.mark.parametrize(
    "networks",
    [
        ("model/discriminator=pixel",),
        ("model/generator=unet", "model.generator.depth=5"),
        ("model/adversarial=hinge", "model.discriminator.spectral_norm=true"),
        ("model/adversarial=cross_entropy", "model.generator.norm=batch"),
        ("model.generator.residual=true", "model.generator.norm=none", "model.checkpointing=true"),
    ],
)
def test_other_networks_and_losses_train_and_translate(
    domain_root: Path, tmp_path: Path, networks: tuple[str, ...]
) -> None:
    small = [each for each in tiny(domain_root, tmp_path / "run") if "blocks" not in each]
    assert run_command("train", *small, *networks) == 0
    picture = save_picture(tmp_path / "x.png", (41, 19))
    assert Translator.from_pretrained(tmp_path / "run", to="a")(picture).size == (41, 19)
