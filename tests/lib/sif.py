# SPDX-License-Identifier: Apache-2.0
"""sif.py OUT FILE [KEY=NUMBER]...: make a SIF file whose partition holds FILE

Keys: fs, part, type (of the descriptor, default 1, 2, 0x4004: a primary SquashFS partition),
offset, size (what the descriptor says; default: the truth), slot (its place in the table of
48), pad (bytes in front of the partition), arch (2: amd64). settings=FILE: those of an OCI image, in
the next slot; settings_offset, as above.
"""
import struct
import sys

TABLE, EACH, SLOTS = 4096, 585, 48


def descriptor(kind, name, offset, size, extra=b""):
    text = struct.pack(
        "<i?IIIqqqqqqq128s",
        kind, True, 1, 0xF0000001, 0, offset, size, size, 0, 0, 0, 0, name,
    )
    return (text + extra).ljust(EACH, b"\0")


def main(out, file, *words):
    what = {"fs": 1, "part": 2, "type": 0x4004, "slot": 0, "pad": 0, "arch": 2}
    settings = b""
    for key, value in (word.split("=") for word in words):
        if key == "settings":
            settings = open(value, "rb").read()
        else:
            what[key] = int(value, 0)
    data = open(file, "rb").read()
    start = (TABLE + SLOTS * EACH + 4095) // 4096 * 4096 + what["pad"]
    head = struct.pack(
        "<32s10s3s3s16sqqqqqqqq",
        b"#!/usr/bin/env run-singularity\n", b"SIF_MAGIC", b"01", b"%02d" % what["arch"], bytes(16),
        0, 0, SLOTS - 1, SLOTS, TABLE, SLOTS * EACH, start, len(data),
    )
    table = bytearray(SLOTS * EACH)
    at = what["slot"] * EACH
    table[at:at + EACH] = descriptor(
        what["type"], b"system.sqfs", what.get("offset", start), what.get("size", len(data)),
        struct.pack("<ii3s", what["fs"], what["part"], b"%02d" % what["arch"]))
    if settings:
        table[at + EACH:at + 2 * EACH] = descriptor(
            0x4006, b"oci-config.json", what.get("settings_offset", start + len(data)),
            len(settings))
    with open(out, "wb") as f:
        f.write((head.ljust(TABLE, b"\0") + table).ljust(start, b"\0") + data + settings)


main(*sys.argv[1:])
