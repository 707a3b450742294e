#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""hostile_images.py - images that want to get out, to keep us busy, or to take all memory

Usage: hostile_images.py DIR OUTSIDE

OUTSIDE is what they aim at: the absolute path of a directory in which nothing may change, with
the file "file" and the directory "dir" in it.

Each image is DIR/NAME: an OCI layout, with "1.tar.gz", its lowest layer, if there are any. A line
of the table DIR/cases is

    NAME <tab> PULL <tab> CONVERT <tab> IMPORT <tab> CHECK

For each way the image may go there is a regular expression for what is said when it is refused;
"ok": it is taken; "any": as it likes; "-": it does not go there. CHECK is for the shell, in the
image.
"""
import gzip
import hashlib
import json
import os
import sys

from hostile_layers import UP, f, l, layer_cases, tar

OCI = "application/vnd.oci.image."
MANIFEST, INDEX = OCI + "manifest.v1+json", OCI + "index.v1+json"
CONFIG, LAYER = OCI + "config.v1+json", OCI + "layer.v1.tar"


# ---- images ------------------------------------------------------------------------------------

def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Image:
    def __init__(self):
        self.blobs = {}
        self.layers = []
        self.type = MANIFEST

    def blob(self, kind, data, **more):
        self.blobs[digest(data)] = data
        return {"mediaType": kind, "digest": digest(data), "size": len(data)} | more

    def layer(self, data):
        packed = gzip.compress(data, 1, mtime=0)
        return self.blob(LAYER + "+gzip", packed)

    def config(self, layers, **more):
        return {"architecture": "amd64", "os": "linux", "config": {},
                "rootfs": {"type": "layers", "diff_ids": [digest(data) for data in layers]}} | more

    def manifest(self, layers, config=None, **more):
        """The parts of a right one, to be made wrong"""
        made = {data: self.layer(data) for data in dict.fromkeys(layers)}
        config = json.dumps(config or self.config(layers)).encode()
        self.layers = layers
        return {"schemaVersion": 2, "mediaType": MANIFEST, "config": self.blob(CONFIG, config),
                "layers": [dict(made[data]) for data in layers]} | more

    def write(self, path, manifest):
        """MANIFEST: an object, or bytes"""
        data = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
        index = {"schemaVersion": 2, "manifests": [self.blob(self.type, data)]}
        os.makedirs(path + "/blobs/sha256")
        files = {"blobs/sha256/" + name[7:]: blob for name, blob in self.blobs.items()}
        files |= {"index.json": json.dumps(index).encode(),
                  "oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
        if self.layers:
            files["1.tar.gz"] = gzip.compress(self.layers[0], 1, mtime=0)
        for name, blob in files.items():
            with open(os.path.join(path, name), "wb") as file:
                file.write(blob)


def changed(value, path, new):
    """The object, with what is at PATH (keys and numbers) being NEW"""
    value = json.loads(json.dumps(value))
    at = value
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return value


def document_cases(out):
    """NAME: (IMAGE, MANIFEST, PULL, CONVERT, CHECK)"""
    cases = {}
    good = tar([f("a"), l("o", out)])

    def wrong(name, path, new, want, convert=None, layers=(good,)):
        image = Image()
        cases["manifest-" + name] = (image, changed(image.manifest(list(layers)), path, new), want,
                                     convert or want, "")

    def raw(name, data, want, kind=MANIFEST):
        image = Image()
        image.type = kind
        cases["raw-" + name] = (image, data, want, want, "")

    def config(name, data, want, check="", **more):
        image = Image()
        manifest = image.manifest([good])
        text = data if isinstance(data, bytes) else json.dumps(image.config([good]) | data).encode()
        manifest["config"] = image.blob(CONFIG, text) | more
        cases["config-" + name] = (image, manifest, want, want, check)

    layer = ["layers", 0]
    size = "'size' is missing, or no number"
    for name, new in {"negative": -1, "large": 1 << 62, "beyond": 10 ** 30, "real": 1.5,
                      "text": "1", "null": None, "list": [1], "true": True}.items():
        wrong("size-" + name, layer + ["size"], new, "integer|" + size)
    wrong("size-less", layer + ["size"], 10, "bytes|size|digest|damaged")
    wrong("size-more", layer + ["size"], 100000, "bytes|size|digest|damaged")
    wrong("size-zero", layer + ["size"], 0, "bytes|size|digest|damaged")
    for name, new in {"up": "sha256:../../../../etc/passwd", "path": out + "/file", "md5": "md5:00",
                      "sha512": "sha512:" + "0" * 128, "upper": "sha256:" + "A" * 64,
                      "short": "sha256:" + "0" * 63, "long": "sha256:" + "0" * 65, "empty": "",
                      "line": "sha256:" + "0" * 63 + "\n", "null": None, "number": 1}.items():
        wrong("digest-" + name, layer + ["digest"], new, "'?digest'?")
    wrong("digest-other", layer + ["digest"], "sha256:" + "0" * 64, "404|No such|not there|is missing|no file")
    for name, new in {"line": "a\nb", "escape": "a/\x1b[31mb", "long": "a" * 300, "empty": "",
                      "null": None}.items():
        wrong("type-" + name, layer + ["mediaType"], new, "'mediaType' is missing, or no media type")
    wrong("type-own", ["mediaType"], "application/x\nforged", "of type")
    for name, new in {"null": None, "text": "x", "object": {}, "number": 1}.items():
        wrong("layers-" + name, ["layers"], new, "'layers' is missing, or no list")
        wrong("config-" + name, ["config"], new, "'config'")
        wrong("version-" + name, ["schemaVersion"], {"number": 3}.get(name, new), "'schemaVersion'")
    wrong("layers-mixed", layer, None, "'layers', item 1")
    wrong("layers-none", ["layers"], [], "layers")
    wrong("layers-many", ["layers"], [{}] * 100000, "'layers' has 100000 items")
    wrong("config-layer", ["config", "mediaType"], LAYER, "so it is no image")
    wrong("config-size", ["config", "size"], 3, "bytes|size|digest|length", layers=(tar([f("b")]),))
    for name, data in {"deep": b"[" * 100000, "deep2": b'{"a":' * 50000 + b"1" + b"}" * 50000,
                       "cut": b'{"schemaVersion": 2', "none": b"", "text": b'"x"', "nul": b"\0\0",
                       "twice": b'{"schemaVersion": 2, "layers": [], "layers": []}',
                       "utf8": b'{"schemaVersion": 2, "x": "\xff\xfe"}',
                       "behind": b"{} {}"}.items():
        raw(name, data, "JSON|schemaVersion|length|0 bytes")
    raw("long", b'{"schemaVersion": 2, "x": "' + b"x" * (5 << 20) + b'"}', "longer than|too long|more than")
    # Indices
    image = Image()
    inner = image.blob(MANIFEST, json.dumps(image.manifest([good])).encode(),
                       platform={"os": "linux", "architecture": "amd64"})
    right = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [inner]}
    indices = {
        "good": (right, "ok"),
        "none": (right | {"manifests": []}, "no image|empty"),
        "null": (right | {"manifests": None}, "'manifests'"),
        "many": (right | {"manifests": [inner] * 5000}, "'manifests' has 5000 items"),
        "windows": (right | {"manifests": [inner | {"platform": {"os": "windows"}}] * 2}, "no image"),
        "escape": (right | {"manifests": [inner | {"platform": {
            "os": "linux", "architecture": "amd64\x1b[31m\n"}}] * 2}, "no word of letters"),
        "type": (right | {"manifests": [inner | {"mediaType": INDEX}]}, "any"),
    }
    nested = right
    for _ in range(10):
        nested = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [image.blob(
            INDEX, json.dumps(nested).encode(), platform=inner["platform"])]}
    indices["nested"] = (nested, "index|indices")
    for name, (index, want) in indices.items():
        copy = Image()
        copy.blobs, copy.type = dict(image.blobs), INDEX
        cases["index-" + name] = (copy, index, want, want, "test -f a")
    # Configurations
    config("text", b"no JSON", "JSON")
    config("deep", b"[" * 50000, "JSON")
    config("null", b"null", "'rootfs'|JSON")
    config("nul", b'{"a": "\\u0000"}', "JSON")
    config("ids-number", {"rootfs": {"diff_ids": [1]}}, "'rootfs': item 1 is no text")
    config("ids-bad", {"rootfs": {"diff_ids": ["x"]}}, "'rootfs', item 1")
    config("ids-many", {"rootfs": {"diff_ids": [digest(good)] * 5000}}, "layers")
    config("ids-other", {"rootfs": {"diff_ids": [digest(b"")]}}, "digest|diff ID")
    config("os", {"os": "\x1b[31m\nplan9"}, "not for Linux|is for")
    config("nothing", {"config": None, "history": None}, "ok", "test -f a")
    config("kinds", {"config": {"Env": {"a": 1}, "Cmd": "x", "Entrypoint": [1, None], "Labels": [],
                                "Volumes": ["x"], "WorkingDir": 3, "User": [], "Shell": {},
                                "Healthcheck": 1, "OnBuild": [[]]}, "history": "x"}, "ok",
           "test -f a")
    config("paths", {"config": {
        "Volumes": {UP + out + "/evil": {}, "/o/evil": {}, "o/file/x": {}, "a/b": {}, "": {},
                    "/": {}, "x\n\x1b[31m": {}, "y/" * 3000: {}},
        "WorkingDir": UP + out, "Env": ["A=1\nB=2", "C=\x1b[31m", "=x", "", "PATH=" + "x" * 100000],
        "Labels": {"\n": "\n", "\x1b": "\x1b"}}}, "ok", "test -f a -a -L o")
    return cases


# ---- the table ---------------------------------------------------------------------------------

def main():
    top, out = sys.argv[1:]
    rows = []
    for name, (layers, pull, convert, imports, check) in layer_cases(out).items():
        image = Image()
        layers = [layer if isinstance(layer, bytes) else tar(layer) for layer in layers]
        image.write(os.path.join(top, name), image.manifest(layers))
        rows.append((name, pull, convert, imports, check or "true"))
    for name, (image, manifest, pull, convert, check) in document_cases(out).items():
        image.write(os.path.join(top, name), manifest)
        rows.append((name, pull, convert, "-", check or "true"))
    with open(os.path.join(top, "cases"), "w", encoding="utf-8") as table:
        for row in rows:
            print(*row, sep="\t", file=table)


main()
