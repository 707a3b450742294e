# SPDX-License-Identifier: Apache-2.0
"""images - the images of the benchmarks, made when they are first wanted

  deb    Debian with compilers, numpy and scipy: 31,000 files
  big    three large files: a third random, half like text
  small  100,000 files, half of them below 1.5 KB
"""

import os
import random
import sys

from benchlib import TOP, furnish, make_squashfs, run

MIB = 1 << 20


class Contents:
    """Bytes of several kinds. The same ones each time."""

    def __init__(self):
        self.random = random.Random(1)
        words = ["".join(self.random.choices("etaoinshrdlucmfw", k=self.random.randint(2, 9)))
                 for _ in range(5000)]
        weights = [1 / n for n in range(1, 5001)]
        text = " ".join(self.random.choices(words, weights, k=4_000_000))
        self.text = text.encode()
        self.nibble = bytes(i & 15 for i in range(256))

    def noise(self, size):
        return self.random.randbytes(size)

    def half_noise(self, size):
        return self.random.randbytes(size).translate(self.nibble)

    def like_text(self, size):
        start = self.random.randrange(len(self.text) - size)
        return self.text[start:start + size]

    @staticmethod
    def zeros(size):
        return bytes(size)

    def any(self, size):
        kinds = (self.noise, self.like_text, self.half_noise, self.zeros)
        return self.random.choices(kinds, (35, 45, 15, 5))[0](size)


def make_big(tree):
    contents = Contents()
    furnish(tree)
    for number, size in enumerate((512, 384, 256)):
        with open(os.path.join(tree, f"file{number}"), "wb") as f:
            for _ in range(size):
                f.write(contents.any(MIB))


def make_small(tree):
    contents = Contents()
    furnish(tree)
    for number in range(100_000):
        directory = os.path.join(tree, "data", f"{number // 10_000}", f"{number // 100 % 100:02}")
        if number % 100 == 0:
            os.makedirs(directory)
        size = min(int(contents.random.lognormvariate(7.3, 1.26)), MIB)
        with open(os.path.join(directory, f"file{number}"), "wb") as f:
            f.write(contents.any(size))


def make_deb(tree):
    run([os.path.join(TOP, "contrib", "images"), "--quiet", "scipy", tree + "/"])


def full_name(name):
    """The name of an image, in full: KIND[.COMPRESSION[.BLOCK]]"""
    return ".".join([*name.split("."), *("zstd", "128K")[name.count("."):]])


class Images:
    make = {"deb": make_deb, "big": make_big, "small": make_small}

    def __init__(self, work):
        self.work = work

    def tree(self, kind):
        return self.made(kind + ".tree", self.make[kind])

    def path(self, name):
        """The image file of a full name"""
        kind, comp, block = name.split(".")
        tree = self.tree(kind)
        return self.made(name + ".sqfs",
                         lambda path: make_squashfs(tree, path, comp, block))

    def made(self, name, make):
        """Made aside and renamed: what is there is whole."""
        path = os.path.join(self.work, name)
        if not os.path.exists(path):
            print(f"making {name}", file=sys.stderr)
            part = f"{path}.part"
            run(["rm", "-rf", part])
            make(part)
            os.rename(part, path)
        return path
