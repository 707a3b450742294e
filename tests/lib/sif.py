# SPDX-License-Identifier: Apache-2.0
"""sif.py OUT FILE [KEY=NUMBER]...: make a SIF file whose partition holds FILE

Keys: fs, part, type (of the descriptor, default 1, 2, 0x4004: a primary SquashFS partition),
offset, size (what the descriptor says; default: the truth), slot (its place in the table of
48), pad (bytes in front of the partition).
"""
import struct
import sys

TABLE, EACH, SLOTS = 4096, 585, 48


def descriptor(what, offset, size):
    text = struct.pack(
        "<i?IIIqqqqqqq128sii3s",
        what["type"], True, 1, 0xF0000001, 0, offset, size, size, 0, 0, 0, 0,
        b"system.sqfs", what["fs"], what["part"], b"02",
    )
    return text.ljust(EACH, b"\0")


def main(out, file, *words):
    what = {"fs": 1, "part": 2, "type": 0x4004, "slot": 0, "pad": 0}
    what.update((k, int(v, 0)) for k, v in (w.split("=") for w in words))
    data = open(file, "rb").read()
    start = (TABLE + SLOTS * EACH + 4095) // 4096 * 4096 + what["pad"]
    head = struct.pack(
        "<32s10s3s3s16sqqqqqqqq",
        b"#!/usr/bin/env run-singularity\n", b"SIF_MAGIC", b"01", b"02", bytes(16),
        0, 0, SLOTS - 1, SLOTS, TABLE, SLOTS * EACH, start, len(data),
    )
    table = bytearray(SLOTS * EACH)
    at = what["slot"] * EACH
    table[at:at + EACH] = descriptor(
        what, what.get("offset", start), what.get("size", len(data)))
    with open(out, "wb") as f:
        f.write((head.ljust(TABLE, b"\0") + table).ljust(start, b"\0") + data)


main(*sys.argv[1:])
