# SPDX-License-Identifier: Apache-2.0
"""benchlib - what the benchmarks share: statistics, tables' words, images' furniture"""

import fcntl
import math
import os
import statistics
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DROP_CACHES = "/proc/sys/vm/drop_caches"


def run(cmd, **kw):
    return subprocess.run(cmd, check=True, **kw)


# ---- statistics: a round's value is NaN when the run failed -----------------------------

def good(values):
    return [v for v in values if not math.isnan(v)]


def median(values):
    return statistics.median(good(values) or [math.nan])


def interval(values):
    """The order statistics around the median that hold it with 95 %."""
    v, n = sorted(values), len(values)
    k = max(0, int(math.floor(n / 2 - 0.98 * math.sqrt(n))))
    return v[k], v[n - 1 - k]


def ratios(values, base):
    return [a / b if b else math.nan for a, b in zip(values, base)]


def differences(values, base):
    return [a - b for a, b in zip(values, base)]


def with_interval(values):
    values = good(values)
    if not values:
        return "–"
    if len(values) < 3:
        return f"{median(values):.2f}"
    low, high = interval(values)
    return f"{median(values):.2f} [{low:.2f}, {high:.2f}]"


def turns(names):
    """The names, again and again, each time beginning with the next one."""
    names = list(names)
    while True:
        yield list(names)
        names.append(names.pop(0))


def row(widths, *texts):
    print("".join(f"{t:<{w}}" for t, w in zip(texts, widths)).rstrip())


def print_load():
    one, five, _ = os.getloadavg()
    print(f"load {one:.2f} {five:.2f}, {os.cpu_count()} cores, kernel {os.uname().release}")


# ---- images and caches ----------------------------------------------------------------

def furnish(root):
    """What containers of any kind need in their root: mount points, mostly."""
    for d in ("bin", "dev", "etc", "home", "mnt", "proc", "sys", "tmp", "var/spool", "usr/bin"):
        os.makedirs(os.path.join(root, d))
    for f in ("passwd", "group", "hosts", "resolv.conf"):
        open(os.path.join(root, "etc", f), "w").close()


def compile_tiny(path, nap=None):
    """tiny.c: a program that exits at once, or sleeps for NAP ms."""
    flags = [] if nap is None else [f"-DNAP={nap}"]
    run(["cc", "-static", "-nostdlib", "-Os", "-Wl,--build-id=none", *flags, "-o", path,
         os.path.join(TOP, "tests", "bench", "tiny.c")])


def make_squashfs(tree, image, comp, block="128K"):
    """mksquashfs' own levels (zstd 15, gzip 9) are many times slower and hardly smaller."""
    level = {"zstd": ["-Xcompression-level", "3"], "gzip": ["-Xcompression-level", "6"]}
    run(["mksquashfs", tree, image, "-comp", comp, "-b", block, *level.get(comp, []),
         "-quiet", "-no-progress", "-noappend"], stdout=subprocess.DEVNULL)


def drop_caches():
    run(["sync"])
    with open(DROP_CACHES, "w") as f:
        f.write("3\n")


def be_alone():
    """Benchmarks wait for each other, or they would drop each other's caches."""
    lock = os.open(DROP_CACHES, os.O_WRONLY)    # open until we end
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waiting for another benchmark to end", file=sys.stderr)
        fcntl.flock(lock, fcntl.LOCK_EX)
