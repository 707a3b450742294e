#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""random_layers.py - random layers with whiteouts, and the tree that they make

Usage: random_layers.py SEED DIR [--whiteouts-first]

Writes DIR/1.tar ... (the lowest layer first), and DIR/want: a line for each file of the tree, in
the form of tests/lib/listing. What that is follows from the specification of OCI's layers alone: of
the tree below, what a layer whites out is taken away; then its files are put there. In the archive
they come in any order, but directories before what is in them; with --whiteouts-first, as usual
tools write it: whiteouts of a directory before its other entries.
"""
import hashlib
import io
import random
import sys
import tarfile

NAMES = ["a", "b", "c", "é", "x y", ".wh", "z" * 120]
TIME = 1000000000


class Node:
    def __init__(self, kind, mode=0, content="", mtime=TIME):
        self.kind, self.mode, self.content, self.mtime = kind, mode, content, mtime
        self.kids = {} if kind == "dir" else None


def parts(path):
    return path.split("/") if path else []


def find(root, path):
    for name in parts(path):
        if root.kids is None or name not in root.kids:
            return None
        root = root.kids[name]
    return root


def dirs(root, path=""):
    """Paths of all directories"""
    found = [path]
    for name, node in root.kids.items():
        if node.kids is not None:
            found += dirs(node, f"{path}/{name}" if path else name)
    return found


def join(path, name):
    return f"{path}/{name}" if path else name


def is_in(path, top):
    return not top or path == top or path.startswith(top + "/")


class Layer:
    """What one layer does to TREE"""

    def __init__(self, rng, tree, number):
        self.rng, self.tree, self.number = rng, tree, number
        self.whiteouts = []     # (directory, name or None)
        self.own = {}           # path: node, in the order of making
        if number > 1:
            for _ in range(rng.randrange(5)):
                self.white_out()
        for directory, name in self.whiteouts:
            node = find(tree, directory)
            if name is None:
                node.kids = {}
            else:
                node.kids.pop(name, None)
        for _ in range(rng.randrange(2, 14)):
            self.put()

    def white_out(self):
        """Of directories that are not whited out themselves, mostly of what is there"""
        directory = self.rng.choice(dirs(self.tree))
        above = [(join("", "/".join(parts(directory)[:i])), parts(directory)[i])
                 for i in range(len(parts(directory)))]
        if any(way in self.whiteouts or (way[0], None) in self.whiteouts for way in above) or \
                (directory, None) in self.whiteouts:
            return
        kids = list(find(self.tree, directory).kids)
        name = None if self.rng.random() < 0.25 or not kids else self.rng.choice(kids)
        if name is None and directory:
            # An opaque directory is mentioned itself, as all tools do.
            self.own[directory] = find(self.tree, directory)
        gone = join(directory, name) if name is not None else directory
        self.whiteouts = [w for w in self.whiteouts if not is_in(w[0], gone)]
        self.own = {own: node for own, node in self.own.items()
                    if not is_in(own, gone) or (name is None and own == gone)}
        self.whiteouts.append((directory, name))

    def put(self):
        """Something new, or instead of something old; directories on the way are mentioned"""
        rng = self.rng
        directory = rng.choice(dirs(self.tree))
        name = rng.choice(NAMES)
        path = join(directory, name)
        old = find(self.tree, path)
        kind = rng.choice(["file", "file", "dir", "dir", "link", "hard", "fifo"])
        if path in self.own or any(own.startswith(path + "/") for own in self.own):
            return
        node = self.make(kind, path)
        if node is None:
            return
        if kind == "dir" and old is not None and old.kids is not None:
            old.mode, old.mtime = node.mode, node.mtime
            node = old
        for i in range(len(parts(path))):
            above = "/".join(parts(path)[:i])
            if above and above not in self.own:
                self.own[above] = find(self.tree, above)
        find(self.tree, directory).kids[name] = node
        self.own[path] = node

    def make(self, kind, path):
        rng = self.rng
        mtime = TIME + rng.randrange(1000)
        if kind == "file":
            text = f"{self.number} {path} {rng.random()}" * rng.choice([0, 1, 1, 300])
            return Node("file", rng.choice([0o644, 0o755, 0o600]), text, mtime)
        if kind == "dir":
            return Node("dir", rng.choice([0o755, 0o700, 0o1777]), "", mtime)
        if kind == "link":
            return Node("link", 0, rng.choice(["a", "../b", "/c", "nowhere/x", "."]), mtime)
        if kind == "fifo":
            return Node("fifo", 0o644, "", mtime)
        files = [own for own, node in self.own.items() if node.kind == "file"]
        return self.own[rng.choice(files)] if files else None

    def members(self, whiteouts_first):
        """In a random order of what may be in any order"""
        items = [(path, None, False) for path in self.own]
        items += [(directory, name, True) for directory, name in self.whiteouts]
        self.rng.shuffle(items)
        items.sort(key=lambda item: self.turn(item, whiteouts_first))
        seen = {}
        for path, name, is_white in items:
            yield self.whiteout(path, name) if is_white else self.member(path, seen)

    def turn(self, item, whiteouts_first):
        """Directories in front of what is in them"""
        path, _, is_white = item
        if is_white:
            return (-1 if whiteouts_first else self.rng.randrange(3), 0)
        return (0, path.count("/")) if self.own[path].kind == "dir" else (1, 0)

    @staticmethod
    def whiteout(directory, name):
        return tarfile.TarInfo(join(directory, ".wh." + name if name is not None
                                    else ".wh..wh..opq")), b""

    def member(self, path, seen):
        node = self.own[path]
        info = tarfile.TarInfo(path)
        info.mode, info.mtime = node.mode, node.mtime
        if id(node) in seen:
            info.type, info.linkname = tarfile.LNKTYPE, seen[id(node)]
            return info, b""
        if node.kind == "file":
            seen[id(node)] = path
        info.type = {"file": tarfile.REGTYPE, "dir": tarfile.DIRTYPE, "link": tarfile.SYMTYPE,
                     "fifo": tarfile.FIFOTYPE}[node.kind]
        data = node.content.encode() if node.kind == "file" else b""
        info.linkname = node.content if node.kind == "link" else ""
        info.size = len(data)
        return info, data


def listing(node, path, met):
    types = {"file": 0o100000, "dir": 0o040000, "link": 0o120000, "fifo": 0o010000}
    if node.kids is not None:
        for name in node.kids:
            yield from listing(node.kids[name], path + "/" + name, met)
    if path == ".":
        return
    text = ""
    if node.kind == "link":
        text = "-> " + node.content
    elif node.kind == "file":
        met.setdefault(id(node), []).append(path)
        first = min(met[id(node)], key=lambda p: p.encode())
        data = node.content.encode()
        text = f"{len(data)} {hashlib.sha256(data).hexdigest()[:16]}" if first == path else \
            "== " + first
    mode = "" if node.kind == "link" else "%o" % node.mode
    yield path, ("%o" % types[node.kind], mode, f"{node.mtime}000000000", ascii(text))


def names(node, path, met):
    """The names that each file has"""
    if node.kind == "file":
        met.setdefault(id(node), []).append(path)
    for name, kid in (node.kids or {}).items():
        names(kid, path + "/" + name, met)


def main():
    seed, top, *options = sys.argv[1:]
    rng = random.Random(int(seed))
    tree = Node("dir", 0o755)
    for number in range(1, rng.randrange(3, 6)):
        layer = Layer(rng, tree, number)
        with tarfile.open(f"{top}/{number}.tar", "w", format=tarfile.PAX_FORMAT) as tar:
            for info, data in layer.members("--whiteouts-first" in options):
                tar.addfile(info, io.BytesIO(data))
    met = {}
    names(tree, ".", met)
    with open(f"{top}/want", "w", encoding="utf-8") as want:
        for path, fields in sorted(listing(tree, ".", met), key=lambda row: row[0].encode()):
            print(ascii(path), *fields, file=want)


main()
