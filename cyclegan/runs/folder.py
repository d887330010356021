"""The folder of a training run: the paths of its files."""

from pathlib import Path

from cyclegan.console.errors import UsageError
from cyclegan.inference.saved import TRANSLATOR_PREFIX


class Run:
    """Paths in a run folder.

    Args:
        folder: the run folder.

    Attributes:
        config: all options of the run.
        checkpoints: folder of the newest and the best checkpoints.
        last: the newest checkpoint.
        samples: folder of sample grids.
        metrics: losses and scores by step.
        losses: plot of the losses.
        scores: the newest scores.
        equilibrium: measured distance from equilibrium, if any.
        alarms: alarms that began and passed, if any.
        starts: times and options of all starts.
        best: folder with the translators of the best checkpoint; commands accept it as a model, like the run folder.
        ranking: the best checkpoints and their scores.
        findings: findings of the data doctor.
        provenance: versions, hardware, pictures, steps and time.
        report: the report page.
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
        """Folder of the translator to the look of this name."""
        return self.folder / f"{TRANSLATOR_PREFIX}{target}"

    def exists(self) -> bool:
        """Whether the folder is a run folder."""
        return self.config.is_file() and self.checkpoints.is_dir()

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """Open an existing run.

        Raises:
            UsageError: if the folder is missing or not a run folder.
        """
        run = cls(Path(folder))
        if not run.folder.is_dir():
            raise UsageError(f"There is no run folder {folder}. Name one that python -m cyclegan.train has written.")
        if not run.config.is_file():
            raise UsageError(f"{folder} must be a run folder, but it holds no config.yaml. Name the folder of a run.")
        return run

    @classmethod
    def new(cls, folder: str | Path) -> "Run":
        """Choose the folder of a new run; see `make`.

        Raises:
            UsageError: if the folder exists and is not empty.
        """
        run = cls(Path(folder))
        if run.folder.exists() and (not run.folder.is_dir() or any(run.folder.iterdir())):
            raise UsageError(f"{folder} exists already. Continue it with resume={folder}, or choose another run_dir.")
        return run

    def make(self) -> None:
        """Make the folders of the run if they do not exist.

        Raises:
            UsageError: if they cannot be made.
        """
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            self.samples.mkdir(exist_ok=True)
        except OSError as error:
            cure = "Choose another run_dir."
            raise UsageError(f"Cannot make the run folder {self.folder} ({error.strerror}). {cure}") from error
