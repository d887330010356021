"""Keeps a run's report up to date while it trains."""

import time
from datetime import UTC, datetime
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from cyclegan.callbacks.current import current_data, current_run
from cyclegan.callbacks.harmless import harmless
from cyclegan.data.doctor.examination import examine
from cyclegan.data.doctor.findings import save_findings
from cyclegan.hardware.devices import device_name
from cyclegan.methods.game import Game, parameters_by_player
from cyclegan.reporting.facts import RunFacts
from cyclegan.reporting.page import write_report
from cyclegan.runs.provenance import Provenance, checkout, versions

CURE = "python -m cyclegan.report RUN writes it."


class Report(Callback):
    """Writes `report.html` at every checkpoint and at the end, and what it needs: `provenance.json`, `findings.json`.

    The findings are the data doctor's, from the fingerprints that opening all pictures has left. The first process
    writes; whatever keeps it from doing so is told, and the training goes on.
    """

    def __init__(self) -> None:
        self._seconds = 0.0  # of parts before this one
        self._started = time.monotonic()
        self._began = datetime.now(UTC).isoformat(timespec="seconds")
        self._source: tuple[str | None, bool] = (None, False)
        self._steps = 0
        self._due = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep what the doctor finds, and what the code is now: its checkout may change while it runs."""
        self._started = time.monotonic()
        if trainer.is_global_zero:
            with harmless("The report", Exception, CURE):
                self._source = checkout()
                save_findings(examine(current_data(trainer)), current_run(trainer).findings)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Count."""
        assert isinstance(pl_module, Game)
        self._steps = pl_module.steps

    def on_save_checkpoint(self, *_: Any) -> None:
        """A checkpoint is on its way: its files are there when the next batch begins."""
        self._due = True

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Write, if there is a new checkpoint."""
        if self._due:
            self._write(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what the last step left."""
        self._write(trainer)

    def state_dict(self) -> dict[str, Any]:
        """The time that training took, for the checkpoint."""
        return {"began": self._began, "seconds": self._seconds_so_far()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The time that training took before."""
        self._began, self._seconds = state_dict["began"], state_dict["seconds"]

    def _seconds_so_far(self) -> float:
        return self._seconds + time.monotonic() - self._started

    def _write(self, trainer: Trainer) -> None:
        self._due = False
        if trainer.is_global_zero:
            with harmless("The report", Exception, CURE):
                run = current_run(trainer)
                self._provenance(trainer).save(run.provenance)
                write_report(RunFacts.read(run), run.report)

    def _provenance(self, trainer: Trainer) -> Provenance:
        game, data = trainer.lightning_module, current_data(trainer)
        assert isinstance(game, Game)
        commit, changed = self._source
        return Provenance(
            started=self._began,
            steps=self._steps,
            length=game.length,
            seconds=round(self._seconds_so_far(), 1),
            pictures={split: len(files) for split, files in data.sides.by_split().items()},
            parameters=parameters_by_player(game.players()),
            device=device_name(game.device),
            processes=trainer.world_size,
            versions=versions(),
            commit=commit,
            changed=changed,
        )
