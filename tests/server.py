"""Runs ``sfumato`` commands in forked processes, so that torch is imported only once.

Reads one JSON request a line: ``{"start": [...], "cwd": ..., "stderr": ...}`` answers with a
process id, ``{"wait": pid}`` with its exit code (negative for a signal).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from typing import Any

import torch

from sfumato.cli import main


def child(request: dict[str, Any]) -> int:
    os.chdir(request["cwd"])
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(null, stream)
    os.dup2(os.open(request["stderr"], os.O_WRONLY | os.O_CREAT), 2)
    torch.set_num_threads(1)
    try:
        main(request["start"])
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def answer(request: dict[str, Any]) -> int:
    if "wait" in request:
        return os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
    pid = os.fork()
    if pid == 0:
        code = child(request)
        sys.stderr.flush()
        os._exit(code)
    return pid


if __name__ == "__main__":
    # A shell that starts tests in the background has them ignore Ctrl-C, and nohup hangups.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for line in sys.stdin:
        print(answer(json.loads(line)), flush=True)
