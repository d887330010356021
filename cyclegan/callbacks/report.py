"""Keep the report of a run up to date during training."""

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

CURE = "Write it with python -m cyclegan.report RUN."


class Report(Callback):
    """Writes `report.html`, `provenance.json` and `findings.json` at every checkpoint and at the end.

    The findings are those of the data doctor, from fingerprints computed when the pictures were opened. Errors while
    writing are reported, and training continues.
    """

    def __init__(self) -> None:
        self._seconds = 0.0  # of training before this start
        self._started = time.monotonic()
        self._began = datetime.now(UTC).isoformat(timespec="seconds")
        self._source: tuple[str | None, bool] = (None, False)
        self._steps = 0
        self._due = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the findings, and note the commit of the code, which may change during training."""
        self._started = time.monotonic()
        if trainer.is_global_zero:
            with harmless("The report", Exception, CURE):
                self._source = checkout()
                save_findings(examine(current_data(trainer)), current_run(trainer).findings)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Note the current step."""
        assert isinstance(pl_module, Game)
        self._steps = pl_module.steps

    def on_save_checkpoint(self, *_: Any) -> None:
        """Write at the next batch, when the files of this checkpoint exist."""
        self._due = True

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Write the report if there is a new checkpoint."""
        if self._due:
            self._write(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the final report."""
        self._write(trainer)

    def state_dict(self) -> dict[str, Any]:
        """Start and duration of the training, for the checkpoint."""
        return {"began": self._began, "seconds": self._seconds_so_far()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Start and duration of the training, from a checkpoint."""
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
