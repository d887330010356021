"""Slurm: a job whose time is up goes back into the queue, and goes on in its run."""

import os
import subprocess

TOO_LONG = 30  # seconds for an answer


def current_job() -> str:
    """The number of the Slurm job that this is; empty where it is none."""
    return os.environ.get("SLURM_JOB_ID", "")


def was_requeued() -> bool:
    """Whether this job was started before."""
    return bool(current_job()) and os.environ.get("SLURM_RESTART_COUNT", "0") != "0"


def requeue(job: str) -> str:
    """Put a job back into the queue; tells what came of it."""
    try:
        subprocess.run(["scontrol", "requeue", job], check=True, capture_output=True, text=True, timeout=TOO_LONG)
    except (OSError, subprocess.SubprocessError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip()
        return f"Job {job} could not be requeued ({reason})."
    return f"Job {job} is back in the queue."
