#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""randomtree.py - make a tree of files, with everything that a tree can have

Usage: randomtree.py SEED DIR

The same number gives the same tree: names of any bytes, modes of any bits, empty, large and sparse
files, hard and symbolic links that lead anywhere, FIFOs, extended attributes, times, deep
directories. For who makes it as an ordinary user."""
import os
import random
import sys

rng = random.Random(int(sys.argv[1]))
top = os.fsencode(sys.argv[2])
files, dirs = [], [top]


def name():
    if rng.random() < 0.7:
        return b"%x" % rng.randrange(1 << 32)
    size = rng.choice([1, 2, 20, 99, 100, 101, 154, 156, 255])
    return b"_" + bytes(rng.choice([b for b in range(1, 256) if b != 47]) for _ in range(size - 1))


def make_file(path):
    kind = rng.random()
    with open(path, "wb") as f:
        if kind < 0.2:
            return
        if kind < 0.3:
            f.truncate(rng.randrange(1 << 24))
            f.seek(rng.randrange(1 << 24))
        f.write(rng.randbytes(rng.choice([1, 511, 512, 4096, 131072, 131073, 400000])))
    if rng.random() < 0.2:
        os.setxattr(path, b"user.x%d" % rng.randrange(9), rng.randbytes(rng.randrange(200)))


def make_one(path):
    kind = rng.random()
    if kind < 0.25 and len(path) < 3000:
        os.mkdir(path)
        dirs.append(path)
    elif kind < 0.35:
        os.symlink(rng.choice([b"/nowhere", b"../" * 9 + b"nowhere", name(), b"."]), path)
    elif kind < 0.4:
        os.mkfifo(path)
    elif kind < 0.5 and files:
        os.link(rng.choice(files), path)
    else:
        make_file(path)
        files.append(path)


os.mkdir(top)
for _ in range(rng.randrange(20, 300)):
    target = rng.choice(dirs[-5:] if rng.random() < 0.5 else dirs) + b"/" + name()
    if not os.path.lexists(target):
        make_one(target)
for path in files + dirs[::-1]:
    os.utime(path, (0, rng.choice([0, 1, 999999999, 1700000000, 4000000000])))
    os.chmod(path, rng.choice([0o644, 0o755, 0o000, 0o7777, 0o111, 0o400, 0o700]))
os.chmod(top, 0o755)
