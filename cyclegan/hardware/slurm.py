"""Slurm: a job whose time is up goes back into the queue and continues its run."""

import os
import subprocess

TIMEOUT = 30  # seconds


def current_job() -> str:
    """The number of the Slurm job that this process belongs to; empty outside Slurm."""
    return os.environ.get("SLURM_JOB_ID", "")


def was_requeued() -> bool:
    """Whether this job was started before."""
    return bool(current_job()) and os.environ.get("SLURM_RESTART_COUNT", "0") != "0"


def requeue(job: str) -> str:
    """Put a job back into the queue; the result in one line."""
    try:
        subprocess.run(["scontrol", "requeue", job], check=True, capture_output=True, text=True, timeout=TIMEOUT)
    except (OSError, subprocess.SubprocessError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip()
        return f"Job {job} could not be requeued ({reason})."
    return f"Job {job} is back in the queue."
