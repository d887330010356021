"""Alarms: detect typical failures of a training run and print advice."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from cyclegan.callbacks.current import current_data, current_game, current_run, current_translators
from cyclegan.callbacks.harmless import harmless
from cyclegan.console.errors import UsageError
from cyclegan.console.output import say
from cyclegan.runs.alarm_log import COLLAPSE, COPYING, DISCRIMINATOR, INVERSION, Sign, add_alarm, cut_alarms
from cyclegan.scoring.signs import brightness_kept, change, separation, variety


@dataclass
class Watch:
    """State of one alarm. It begins after a number of bad checks in a row, and passes after as many good ones.

    Args:
        on: whether the alarm is active.
        against: number of last checks in a row that contradict `on`.
    """

    on: bool = False
    against: int = 0

    def check(self, wrong: bool, patience: int) -> bool:
        """Count a check; returns whether the alarm begins or passes."""
        self.against = self.against + 1 if wrong != self.on else 0
        if self.against < patience:
            return False
        self.on, self.against = wrong, 0
        return True


class Alarms(Callback):
    """Prints a line and adds a row to `alarms.csv` when an alarm begins, with advice, and when it passes.

    A check translates fixed pictures and compares the discriminators' scores of one batch. It takes as long as 1.8
    training steps with experiment=seasons, and 1.6 with the paper's networks at 256 px: 2 % of the time by default.

    Args:
        every_n_train_steps: batches between checks; null: no alarms.
        pictures: number of fixed test pictures per look (training pictures if there are no tests).
        grace: number of steps without checks at the start, when outputs are noise.
        patience: number of equal checks in a row after which an alarm begins or passes.
        inversion: minimum correlation of output and input brightness, -1 to 1; below, colours count as inverted.
        copying: minimum change of pictures, relative to the distance of unrelated pictures.
        collapse: minimum variety of outputs, relative to the inputs or the real pictures.
        separation: maximum probability that a real patch scores higher than a fake one.
    """

    def __init__(
        self,
        every_n_train_steps: int | None = 100,
        pictures: int = 8,
        grace: int = 1000,
        patience: int = 3,
        inversion: float = -0.3,
        copying: float = 0.05,
        collapse: float = 0.1,
        separation: float = 0.999,
    ) -> None:
        if (every_n_train_steps is not None and every_n_train_steps < 1) or pictures < 2 or patience < 1:
            given = f"got {every_n_train_steps}, {pictures} and {patience}"
            raise UsageError(
                f"callbacks.alarms must have every_n_train_steps and patience of at least 1, pictures of 2, {given}."
            )
        self.every_n_train_steps = every_n_train_steps
        self.pictures = pictures
        self.grace = grace
        self.patience = patience
        self.inversion = inversion
        self.copying = copying
        self.collapse = collapse
        self.separation = separation
        self.watches: dict[tuple[str, str], Watch] = {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read the fixed pictures before training, as files may disappear later."""
        if trainer.is_global_zero and self.every_n_train_steps is not None:
            current_data(trainer).fixed_pictures(self.pictures)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove alarms of steps after the checkpoint that the run resumes from."""
        if trainer.is_global_zero:
            cut_alarms(current_run(trainer), current_game(trainer).steps)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Check at intervals."""
        every, step = self.every_n_train_steps, current_game(trainer).steps
        if every is None or not trainer.is_global_zero or step % every or step <= self.grace:
            return
        for sign in (*self._signs_in_pictures(trainer), *self._signs_in_scores(trainer, batch)):
            watch = self.watches.setdefault((sign.alarm, sign.look), Watch())
            if watch.check(sign.wrong, self.patience):
                alarm = f"alarm {sign.state}: {sign.alarm} ({sign.look})"
                say(f"Step {step}, {alarm}, {sign.meaning}. {sign.advice}".rstrip())
                with harmless(f"Step {step}: {current_run(trainer).alarms.name}"):
                    add_alarm(current_run(trainer), step, sign)

    def _signs_in_pictures(self, trainer: Trainer) -> Iterator[Sign]:
        pictures = dict(zip("ab", current_data(trainer).fixed_pictures(self.pictures), strict=True))
        translators = current_translators(trainer)
        for way in current_game(trainer).directions():
            inputs, targets = pictures[way.source], pictures[way.target]
            translator = translators[way.target]
            look = translator.facts.target
            outputs = [translator.translate(picture[None])[0].cpu() for picture in inputs]
            kept = brightness_kept(inputs, outputs)
            yield Sign(INVERSION, look, kept, kept < self.inversion, f"correlation of brightness {kept:.2f}")
            changed = change(inputs, outputs, targets)
            yield Sign(
                COPYING, look, changed, changed < self.copying, f"outputs are their inputs but for {changed:.1%}"
            )
            varied = variety(inputs, outputs, targets)
            yield Sign(COLLAPSE, look, varied, varied < self.collapse, f"outputs vary {varied:.1%} of what they should")

    def _signs_in_scores(self, trainer: Trainer, batch: Any) -> Iterator[Sign]:
        """How well each discriminator separates the real pictures of the batch from translations."""
        data = current_data(trainer)
        for way in current_game(trainer).directions():
            if way.discriminator is None:
                continue
            generator, discriminator = deepcopy(way.generator).eval(), deepcopy(way.discriminator).eval()
            with torch.no_grad():
                fake = discriminator(generator(getattr(batch, way.source)))
                separated = separation(discriminator(getattr(batch, way.target)), fake)
            meaning = f"real patches beat fake ones in {separated:.2%} of pairs"
            yield Sign(
                DISCRIMINATOR, {"a": data.a, "b": data.b}[way.target], separated, separated > self.separation, meaning
            )

    def state_dict(self) -> dict[str, Any]:
        """The state of the alarms, for the checkpoint."""
        return {"watches": [(*key, asdict(watch)) for key, watch in self.watches.items()]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The state of the alarms, from a checkpoint."""
        self.watches = {(alarm, look): Watch(**watch) for alarm, look, watch in state_dict["watches"]}
