# SPDX-License-Identifier: Apache-2.0
"""hostile_layers.py - the layers of hostile_images.py"""
import io
import itertools
import tarfile

DOTS = r"names with '\.\.'"
GONE = "hard link to .*(No such file|not there)"
UP = "../../../../../../../../../../../.."


# ---- members of archives -----------------------------------------------------------------------

def member(name, kind=tarfile.REGTYPE, data=b"", link="", mode=0o644, **pax):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.mtime = kind, link, mode, 1000000000
    info.size = len(data)
    info.pax_headers = pax
    if kind in (tarfile.CHRTYPE, tarfile.BLKTYPE):
        info.devmajor, info.devminor = 1, 3
    return info, data


def f(name, data="x", mode=0o644, **pax):
    return member(name, data=data.encode(), mode=mode, **pax)


def d(name, mode=0o755):
    return member(name, tarfile.DIRTYPE, mode=mode)


def l(name, target):    # noqa: E741
    return member(name, tarfile.SYMTYPE, link=target)


def h(name, target):
    return member(name, tarfile.LNKTYPE, link=target)


def c(name):
    return member(name, tarfile.CHRTYPE)


def p(name):
    return member(name, tarfile.FIFOTYPE)


def tar(members, end=b""):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8",
                      errors="surrogateescape") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue() + end


# ---- members as tarfile does not write them ----------------------------------------------------

def header(name, kind=b"0", size=0, magic=b"ustar\x0000", **fields):
    """SIZE: a number, or the field's bytes; FIELDS: at_N=BYTES"""
    head = bytearray(512)
    head[0:len(name)] = name
    head[100:108] = b"0000644\0"
    head[108:124] = b"0000000\0" * 2
    head[124:136] = size if isinstance(size, bytes) else b"%011o\0" % size
    head[136:148] = b"07346545000\0"
    head[156:157] = kind
    head[257:265] = magic
    for key, value in fields.items():
        at = int(key[3:])
        head[at:at + len(value)] = value
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def padded(data):
    return data + bytes(-len(data) % 512)


def record(key, value):
    """A record of a pax header, which begins with its own length"""
    rest = b" " + key + b"=" + value + b"\n"
    n = len(rest)
    while n != len(rest) + len(str(n)):
        n = len(rest) + len(str(n))
    return str(n).encode() + rest


def pax(*records):
    data = b"".join(records)
    return header(b"pax", b"x", len(data)) + padded(data)


END = bytes(1024)
ONE = header(b"one", size=1) + padded(b"x")


def old_sparse(blocks):
    """GNU's first way to write holes: a map in headers that go on and on"""
    entry = b"00000000000\0" * 2
    more = entry * 21 + b"\1" + bytes(7)
    return header(b"sparse", b"S", 0, b"ustar  \0", at_386=entry * 4, at_482=b"\1") + \
        more * (blocks - 1) + entry * 21 + bytes(8)


def new_sparse(entries):
    """Its last one: the map is in front of the contents."""
    size = padded(b"%d\n" % entries + b"0\n0\n" * entries)
    return pax(record(b"GNU.sparse.major", b"1"), record(b"GNU.sparse.minor", b"0"),
               record(b"GNU.sparse.name", b"sparse"), record(b"GNU.sparse.realsize", b"0")) + \
        header(b"sparse", size=len(size)) + size


def hole(size):
    return pax(record(b"GNU.sparse.major", b"1"), record(b"GNU.sparse.minor", b"0"),
               record(b"GNU.sparse.name", b"hole"),
               record(b"GNU.sparse.realsize", b"%d" % size)) + \
        header(b"hole", size=512) + padded(b"1\n%d\n0\n" % size) + END


# ---- layers ------------------------------------------------------------------------------------

def all_orders():
    """Five types of file by the same name, in every order; what comes last is there. But what is
    in a directory makes one of what was there before."""
    kinds = {"f": lambda n: f(n, "file"), "d": d, "l": lambda n: l(n, "aim"), "p": p,
             "h": lambda n: h(n, "aim/file"), "i": lambda n: f(n + "/in", "in")}
    members, check = [d("aim"), f("aim/file", "aim")], ["grep -q aim aim/file"]
    tests = {"f": "grep -q file %s", "d": "test -d %s -a ! -L %s", "l": "test -L %s",
             "p": "test -p %s", "h": "grep -q aim %s", "i": "test -f %s/in"}
    for order in itertools.permutations(kinds, 3):
        name = "x" + "".join(order)
        members += [kinds[kind](name) for kind in order]
        # By way of the link that is there then, or into the directory
        if order[1:] not in (("l", "h"),):
            check.append(tests[order[-1]].replace("%s", name))
    return members, "; ".join(check)


def chain(n):
    """Directories deeper than any path may say, by way of links"""
    deep = "d/" * 1000 + "end"
    members = []
    for i in range(n):
        members += [member(f"l{i}/{deep}", tarfile.DIRTYPE, mode=0), l(f"l{i + 1}", f"l{i}/{deep}")]
    return members + [f(f"l{n}/file")]


NAMES = ["new\nline", "ch-image: error: forged\rx", "\x1b[31mred\x1b[0m\x07", "\x01\x7f\x9b\u202e",
         "not-utf8-\udcff\udc80", "-rf", "'\"$(touch x)`;\\", "a" * 255, " ", "...", ".wh",
         "\ufeff", "*?[x]"]


def layer_cases(out):
    """NAME: (LAYERS, PULL, CONVERT, IMPORT, CHECK); a layer is a list of members, or bytes"""
    everywhere = {
        "dots-begin": ([f("../evil")], DOTS, ""),
        "dots-middle": ([f("a/../../evil")], DOTS, ""),
        "dots-end": ([d("a/..")], DOTS, ""),
        "dots-alone": ([d("..")], DOTS, ""),
        "dots-absolute": ([f("/../evil")], DOTS, ""),
        "dots-inside": ([d("a"), f("a/../b")], DOTS, ""),
        "dots-hard": ([f("a"), h("b", UP + out + "/file")], DOTS, ""),
        "absolute": ([f(out + "/evil"), f("//" + out + "//evil2")], "ok",
                     f"test -f .{out}/evil -a -f .{out}/evil2"),
        "link": ([l("x", out), f("x/evil"), f("x/dir/evil"), f("x/file", "evil")], "ok",
                 f"test -f .{out}/evil -a -f .{out}/dir/evil -a -L x"),
        "link-up": ([l("x", UP + out), f("x/evil"), d("y"), l("y/z", "../" + UP), f("y/z/evil")],
                    "ok", f"test -f .{out}/evil -a -f evil"),
        "link-chain": ([l("a", "b"), l("b", "c/"), l("c", out), f("a/evil")], "ok",
                       f"test -f .{out}/evil"),
        "link-late": ([d("a"), f("a/b"), l("a", out), f("a/evil")], "ok",
                      f"test -L a -a -f .{out}/evil"),
        "link-file": ([l("a", out + "/file"), f("a", "evil"), l("b", out + "/new"), f("b", "y")],
                      "ok", "test ! -L a -a ! -L b; grep -q evil a"),
        "link-made": ([l("a", out + "/n/m"), f("a/x/y"), l("b", UP + "/n/../o/"), f("b/x")], "ok",
                      f"test -f .{out}/n/m/x/y -a -f o/x"),
        "link-magic": ([l("a", "/proc/self/root" + out), f("a/evil"), l("b", "/proc/self/cwd"),
                        f("b/evil"), l("c", "/proc/self/fd/3"), f("c/evil")], "ok",
                       f"test -f proc/self/root{out}/evil -a -f proc/self/cwd/evil"),
        "link-loop": ([l("a", "b"), l("b", "a"), f("a/x")], "[Tt]oo many", ""),
        "link-self": ([l("a", "a/a/a/a"), f("a/x")], "[Tt]oo many", ""),
        "link-empty": ([l("a", ""), f("b")], "any", "test -f b"),
        "link-points": ([l(n, out) for n in ("etc", "dev", "mnt", "bin", "usr", "tmp", "ch")] +
                        [l("proc", out + "/file"), p("sys"), f("x")], "ok",
                        "test -L etc -a -L mnt -a -f x"),
        "link-points2": ([d("etc"), l("etc/hosts", out + "/file"), l("etc/resolv.conf", out + "/n"),
                          d("mnt"), l("mnt/0", out), d("ch"), l("ch/metadata.json", out + "/file"),
                          l("ch/environment", out + "/n"),
                          l("ch/config.pulled.json", out + "/file")], "ok",
                         "test -L etc/hosts -a -L mnt/0"),
        "hard-link": ([l("s", out + "/file"), h("h", "s"), f("h", "evil"), f("s", "evil")], "ok",
                      "test ! -L h -a ! -L s"),
        "hard-absolute": ([h("h", out + "/file")], GONE, ""),
        "hard-through": ([l("s", out), h("h", "s/file")], GONE, ""),
        "hard-through-up": ([l("s", UP + out), h("h", "s/file")], GONE, ""),
        "hard-gone": ([f("a"), h("h", "b"), f("b")], GONE, ""),
        "hard-root": ([f("a"), h("h", "/")], "a member that is no directory is the root", ""),
        "hard-own": ([f("a", "own"), h("a", "a"), h("b", "a"), h("a", "b")], "ok",
                     "grep -q own a; grep -q own b; test a -ef b"),
        "hard-written": ([f("a", "one"), h("b", "a"), f("b", "two")], "ok",
                         "grep -q one a; grep -q two b"),
        "root-file": ([f(".")], "a member that is no directory is the root", ""),
        "root-link": ([l("/", out)], "a member that is no directory is the root", ""),
        "root-mode": ([d(".", 0), f("a")], "ok", "test -f a"),
        "devices": ([f("x"), c("null"), member("disk", tarfile.BLKTYPE), c("dev/a"), h("h", "null"),
                     h("h2", "h"), f("dev/b"), l("dev/c", out), h("h3", "dev/b")], "ok",
                    "test -f x; test ! -e null -a ! -e disk -a ! -e h -a ! -e h2 -a ! -e dev/b"),
        "deep-name": ([f("d/" * 10000 + "file")], "the name is longer than", ""),
        "deep": ([f("d/" * 1900 + "file")], "ok", "test -d d/d/d/d"),
        "closed": ([d("a", 0), f("a/b", mode=0), d("a", 0o100), p("a/p"), f("x")], "ok",
                   "test -r a/b -a -w a/b -a -x a"),
        "long-part": ([f("a" * 256)], "name.*too long|longer than", ""),
        "names": ([f(name + ("" if len(name) == 255 else str(i))) for i, name in enumerate(NAMES)],
                  "ok", f"test \"$(find . -type f -name '*[0-9]' | tr -dc '\\0-9\\n' | wc -l)\" -ge "
                  f"{len(NAMES) - 1}; test ! -e x"),
        "names-told": ([f("../" + "".join(NAMES[:4]) + "x")], DOTS, ""),
        "names-linked": ([h("x", "".join(NAMES[:4]))], GONE, ""),
        "again": ([f("a", str(i)) for i in range(5000)] + [d("b"), f("b")] * 500, "ok",
                  "grep -q 4999 a; test -f b"),
        "behind": (tar([f("a")], bytes(100 << 20)), "more than 64 MiB are behind", ""),
        "pax-huge": (header(b"pax", b"x", 1 << 33) + ONE, "archive '.*damaged", ""),
        "pax-large": (header(b"pax", b"x", 64 << 20) + bytes(64 << 20) + ONE + END,
                      "archive '.*damaged", ""),
        "pax-many": (pax(record(b"comment", b"x")) * 5000 + ONE + END, "any", ""),
        "pax-length": (header(b"pax", b"x", 20) + padded(b"99999999999999999999") + ONE + END,
                       "any", ""),
        "name-huge": (header(b"././@LongLink", b"L", 8 << 20) + b"a" * (8 << 20) + ONE + END,
                      "archive '.*damaged", ""),
        "xattrs": (pax(*[record(b"SCHILY.xattr.user.%d" % i, b"v" * 50) for i in range(9000)]) +
                   ONE + END, "ok", "test -f one"),
        "xattr-large": (pax(record(b"SCHILY.xattr.user.x", b"v" * 900000)) + ONE + END, "ok",
                        "test -f one"),
        "sparse-old": (old_sparse(200000) + END, "archive '.*header", ""),
        "sparse-new": (new_sparse(20000000) + END, "archive '.*header", ""),
        "size-negative": (header(b"a", size=b"\xff" * 12) + END, "archive '.*damaged|[Tt]runc", ""),
        "size-huge": (header(b"a", size=b"\x80" + bytes(3) + b"\x7f" + b"\xff" * 7) + END,
                      "archive '", ""),
        "size-short": (header(b"a", size=100000) + bytes(1024), "[Tt]runcated", ""),
        "sum": (b"x" + header(b"a")[1:] + END, "not a tar archive", ""),
        "times": (pax(record(b"mtime", b"99999999999999999999.999999999999999")) + ONE +
                  pax(record(b"mtime", b"-99999999999999")) + header(b"two") +
                  pax(record(b"mtime", b"nan")) + header(b"three") + END, "ok",
                  "test -f one -a -f two -a -f three"),
    }
    orders, check = all_orders()
    everywhere["orders"] = (orders, "ok", check)
    cases = {name: ([layer], want, want, want, check)
             for name, (layer, want, check) in everywhere.items()}
    # What a format cannot do, and another one can
    cases["hole"] = ([hole(1 << 40)], "ok", "ok", "-", "test $(stat -c %s hole) = 1099511627776")
    cases["hole-huge"] = ([hole((1 << 63) - 1)], "any", "any", "any", "true")
    cases["setid"] = ([[f("a", mode=0o6755), d("d", 0o6755)]], "ok", "ok", "-",
                      "test ! -u a -a ! -g a -a ! -u d -a ! -g d")
    caps = "\1\0\0\2\x40" + 15 * "\0"
    cases["caps"] = ([[f("a", **{"SCHILY.xattr.security.capability": caps,
                                 "SCHILY.xattr.trusted.x": "x"})]], "ok", "ok", "-",
                     "python3 -c 'import os, sys; sys.exit(str(os.listxattr(\"a\")) != \"[]\")'")
    cases["hard-dir"] = ([[d("d"), h("h", "d"), f("x")]], "hard link", "any", "hard link", "true")
    cases["hard-self"] = ([[h("a", "a")]], GONE, "any", GONE, "")
    lower = [f("a/b/c", "1"), f("a/d", "1"), l("l", "a"), l("o", out), f("f", "1"), h("h", "f"),
             l("s", "f"), p("p"), d("e/e/e")]

    def upper(name, members, want, check):
        cases[name] = ([lower, members], want, want, "-", check)

    bad = "whiteout of no file"
    upper("wh-empty", [f(".wh.")], bad, "")
    upper("wh-dot", [f("a/.wh..")], bad, "")
    upper("wh-dots", [f("a/.wh...")], bad, "")
    upper("wh-up", [f("../.wh.a")], DOTS, "")
    upper("wh-root", [f(".wh..wh..opq")], "ok", "test ! -e a -a ! -L l -a ! -L o -a ! -e p -a ! -e h")
    upper("wh-twice", [f(".wh..wh..opq"), f(".wh..wh..opq"), f("x"), f(".wh.a"), f(".wh.x")], "ok",
          "test -f x -a ! -e a")
    upper("wh-links", [f("o/.wh.file"), f("o/.wh..wh..opq"), f("l/.wh.d"), f("l/.wh..wh..opq")],
          "ok", "test -L o -a -f a/d -a -f a/b/c")
    upper("wh-of-links", [f(".wh.o"), f(".wh.l"), f(".wh.s")], "ok",
          "test ! -L o -a ! -L l -a ! -L s -a -f a/d -a -f f")
    upper("wh-link-dir", [f("l/new"), f(".wh.l"), f("o/evil")], "ok", f"test -f .{out}/evil")
    upper("wh-absolute", [f(out + "/.wh.file"), f(out + "/.wh..wh..opq"), f("/.wh.a")], "ok",
          "test ! -e a")
    upper("wh-in-file", [f("f/.wh.x"), f("p/.wh..wh..opq"), f("s/.wh.f")], "ok", "test -f f")
    upper("wh-dir", [d(".wh.a"), l(".wh.f", out), h(".wh.h", "a/d")], "ok",
          "test ! -e a -a ! -e f -a ! -e h")
    upper("wh-below", [f(".wh.a/x"), f(".wh..wh.a/x")], "ok", "test -f a/d")
    upper("wh-linked", [h("x", ".wh.a")], GONE, "")
    upper("up-hard", [h("n", "a/b/c"), f("a/b/c", "2"), h("n2", "s")], "ok",
          "grep -q 1 n; grep -q 2 a/b/c; test -L n2")
    upper("up-through", [f("f", "2"), f("s", "3"), f("o", "evil"), f("l", "4"), f("p", "5")], "ok",
          "grep -q 2 f; grep -q 1 h; test -f s -a ! -L s -a -f o -a ! -L o -a -f l -a -f p")
    upper("up-kinds", [f("a", "2"), d("f"), f("f/x"), l("e", out), f("e/e/evil"), d("o"),
                       f("o/file", "2")], "ok", f"test -f a -a -f f/x -a -f .{out}/e/evil -a -d o")
    cases["deepest"] = ([chain(11), [f("x"), f(".wh.l5")]], "ok", "any", "ok", "test -d l0/d/d/d")
    cases["deepest-gone"] = ([chain(11), [f("x"), f(".wh..wh..opq")]], "ok", "any", "-", "test -f x")
    cases["nested"] = ([[f("d/" * 1000 + "a")], [f("d/" * 1000 + "b"), f(".wh.d")]],
                       "more than 256 directories", "any", "-", "")
    cases["layers"] = ([[f("a")]] * 300 + [[f("b")]], "ok", "ok", "-", "test -f a -a -f b")
    return cases
