"""How verbs fail, whatever they do."""

import subprocess
import sys

CHATTER = "from cyclegan.console.commands import friendly; friendly(lambda: [print('x' * 9999, flush=True) for _ in range(999)])"


def test_output_that_nobody_reads_is_no_error() -> None:
    with subprocess.Popen([sys.executable, "-c", CHATTER], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as verb:
        assert verb.stdout is not None
        assert verb.stderr is not None
        verb.stdout.readline()
        verb.stdout.close()
        assert verb.stderr.read() == b""
    assert verb.returncode == 141
