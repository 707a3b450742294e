#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tar.py - make tar archives that tar(1) would not make

Usage: tar.py FILE MEMBER...

A MEMBER is KIND:NAME[:MORE[:MODE]], MODE being octal. Kinds, and what MORE is:

  f  file, its contents           l  symbolic link, its target
  h  hard link, its target        d  directory
  c  character device             b  block device
  p  FIFO                         Z  a file with an unknown type of member, its contents
  D  a file below that many directories d/d/d...
"""
import io
import sys
import tarfile

KINDS = {
    "f": tarfile.REGTYPE, "l": tarfile.SYMTYPE, "h": tarfile.LNKTYPE, "d": tarfile.DIRTYPE,
    "c": tarfile.CHRTYPE, "b": tarfile.BLKTYPE, "p": tarfile.FIFOTYPE, "Z": b"Z",
}


def add(tar, spec):
    kind, name, more, mode, *_ = spec.split(":") + ["", ""]
    if kind == "D":
        kind, name, more = "f", "d/" * int(more) + name, ""
    info = tarfile.TarInfo(name)
    info.type = KINDS[kind]
    info.mode = int(mode, 8) if mode else 0o755 if kind == "d" else 0o644
    info.mtime = 1000000000
    data = more.encode() if kind in "fZ" else b""
    info.size = len(data)
    if kind in "lh":
        info.linkname = more
    if kind in "cb":
        info.devmajor, info.devminor = 1, 3
    tar.addfile(info, io.BytesIO(data))


def main():
    with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as tar:
        for spec in sys.argv[2:]:
            add(tar, spec)


main()
