"""When sample grids are written, and which are kept."""

from pathlib import Path

from cyclegan.callbacks.samples import spread_interval
from tests.commands import run_command


def test_only_so_many_grids_are_kept_spread_over_the_run(run: Path) -> None:
    more = ("callbacks.samples.every_n_train_steps=1", "callbacks.samples.keep=3", "trainer.max_epochs=4")
    assert run_command("train", f"resume={run}", *more, "trainer.max_steps=15") == 0
    assert [int(file.stem[5:]) for file in sorted((run / "samples").iterdir())] == [8, 12, 15]
    assert [spread_interval(steps, 5, 4) for steps in (5, 20, 25, 44, 45, 85)] == [5, 5, 10, 10, 10, 20]
