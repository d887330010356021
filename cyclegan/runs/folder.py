"""The folder of one training run, and what lies where in it."""

from pathlib import Path

from cyclegan.console.errors import UsageError
from cyclegan.inference.saved import TRANSLATOR_PREFIX


class Run:
    """Paths inside a run folder.

    Args:
        folder: of the run.

    Attributes:
        config: the run's options; what makes a folder a run folder.
        checkpoints: folder of the newest few checkpoints, and of the best.
        last: the newest checkpoint.
        samples: folder of sample grids.
        metrics: losses and scores by step.
        losses: a plot of the losses.
        scores: the newest scores.
        equilibrium: how far the game was from equilibrium, if that was measured.
        alarms: alarms that began and passed, if there were any.
        starts: when it was started, and with which options.
        best: folder of the best checkpoint's translators; commands take it as a model, like the run's folder.
        ranking: which checkpoints are the best, and their scores.
        findings: what the data doctor found in the run's pictures.
        provenance: versions, hardware, pictures, steps and time.
        report: what to open first.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config.yaml"
        self.checkpoints = folder / "checkpoints"
        self.last = self.checkpoints / "last.ckpt"
        self.samples = folder / "samples"
        self.metrics = folder / "metrics.csv"
        self.losses = folder / "losses.png"
        self.scores = folder / "scores.json"
        self.equilibrium = folder / "equilibrium.json"
        self.alarms = folder / "alarms.csv"
        self.starts = folder / "starts.csv"
        self.best = folder / "best"
        self.ranking = folder / "best.json"
        self.findings = folder / "findings.json"
        self.provenance = folder / "provenance.json"
        self.report = folder / "report.html"

    def translator(self, target: str) -> Path:
        """Folder of the translator to a look, by the look's name."""
        return self.folder / f"{TRANSLATOR_PREFIX}{target}"

    def exists(self) -> bool:
        """Whether the folder is a run's."""
        return self.config.is_file() and self.checkpoints.is_dir()

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """An existing run.

        Raises:
            UsageError: if the folder is missing or no run folder.
        """
        run = cls(Path(folder))
        if not run.folder.is_dir():
            raise UsageError(f"There is no run folder {folder}. Name one that python -m cyclegan.train has made.")
        if not run.config.is_file():
            raise UsageError(f"{folder} must be a run folder, but it holds no config.yaml. Name the folder of a run.")
        return run

    @classmethod
    def new(cls, folder: str | Path) -> "Run":
        """A run that does not exist yet; see `make`.

        Raises:
            UsageError: if the folder exists and is not empty.
        """
        run = cls(Path(folder))
        if run.folder.exists() and (not run.folder.is_dir() or any(run.folder.iterdir())):
            raise UsageError(f"{folder} exists already. Go on in it with resume={folder}, or choose another run_dir.")
        return run

    def make(self) -> None:
        """Make the run's folders, if they do not exist.

        Raises:
            UsageError: if they cannot be written.
        """
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            self.samples.mkdir(exist_ok=True)
        except OSError as error:
            cure = "Choose another run_dir."
            raise UsageError(f"Cannot make the run folder {self.folder} ({error.strerror}). {cure}") from error
