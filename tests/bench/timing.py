# SPDX-License-Identifier: Apache-2.0
"""timing - programs that are timed, as an ordinary user or root, and tables of that"""

import dataclasses
import math
import os
import subprocess
import time

from benchlib import median, ratios, row, with_interval

WIDTHS = (18, 10, 22, 10, 22)


@dataclasses.dataclass
class Sample:
    wall: float = math.nan
    cpu: float = math.nan
    error: str = ""

    def less(self, other, parts=1):
        return Sample((self.wall - other.wall) / parts, (self.cpu - other.cpu) / parts,
                      self.error or other.error)

    def plus(self, other):
        return Sample(self.wall + other.wall, self.cpu + other.cpu, self.error or other.error)


def timed(cmd, user=None, **kw):
    """Run CMD, as USER; raises if it fails."""
    ids = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    begin = time.monotonic()
    with subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **ids, **kw) as child:
        said = child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - begin
    if child.returncode:
        last = " / ".join(said.decode(errors="replace").strip().splitlines()[-3:])
        raise OSError(f"{cmd[0]} ended with {child.returncode}: {last}")
    return Sample(wall, used.ru_utime + used.ru_stime)


def values(samples, what):
    return [getattr(s, what) for s in samples]


def print_table(label, by, base):
    """BY: {contender: [sample of each round]}; ratios are to BASE"""
    print(f"{label}; rounds: {max(map(len, by.values()))}")
    row(WIDTHS, "", "wall ms", f"times {base}", "CPU ms", f"times {base}")
    for name, samples in by.items():
        errors = [s.error for s in samples if s.error]
        if errors:
            print(f"{name:<18}{len(errors)} runs failed: {errors[-1]}")
            continue
        texts = []
        for what in ("wall", "cpu"):
            mine = values(samples, what)
            texts += [f"{median(mine) * 1000:.0f}",
                      with_interval(ratios(mine, values(by[base], what))) if base in by else ""]
        row(WIDTHS, name, *texts)
    print(flush=True)
