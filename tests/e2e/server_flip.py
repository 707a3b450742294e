# SPDX-License-Identifier: Apache-2.0
"""server_flip.py IMAGE SEED: damage an image

Even seeds flip bits anywhere; odd ones where it hurts: in the tables at the end, and in
the superblock but for its magic."""
import random
import struct
import sys

path, seed = sys.argv[1], int(sys.argv[2])
random.seed(seed)
with open(path, "r+b") as f:
    data = bytearray(f.read())
    inodes, = struct.unpack_from("<Q", data, 64)
    for _ in range(random.choice((1, 10, 100))):
        if seed % 2 == 0:
            at = random.randrange(96, len(data))
        elif random.random() < 0.05:
            at = random.randrange(4, 96)
        else:
            at = random.randrange(inodes, len(data))
        data[at] ^= 1 << random.randrange(8)
    f.seek(0)
    f.write(data)
