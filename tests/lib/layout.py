#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""layout.py - make an image of layers, as other tools write it

Usage: layout.py FORM OUT [KEY=VALUE]... LAYER...

FORM: "oci", a directory; "oci-archive"; "docker-archive", which is an OCI layout, too; or
"docker-old", as Docker wrote it before version 25. OUT must not exist; but for "oci", images can
be added. Each LAYER is a tar archive, the lowest one first. KEYs:

  tag=TAG       what it is called
  arch=ARCH     for which architecture; default: this machine's
  pack=gzip     the layers of OCI layouts are compressed
  config=JSON   members of the "config" of its configuration
  index=yes     the image is in an index of its own
  break=WHAT    something is wrong: size, digest, diffid, layers, type, or a path instead of a
                digest
"""
import gzip
import hashlib
import io
import json
import os
import platform
import sys
import tarfile

OCI = "application/vnd.oci.image."
ARCHES = {"x86_64": "amd64", "aarch64": "arm64"}


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Layout:
    def __init__(self, options):
        self.options = options
        self.files = {}
        self.broken = options.get("break")

    def blob(self, kind, data):
        name = digest(data)
        self.files["blobs/sha256/" + name] = data
        return {"mediaType": OCI + kind, "digest": "sha256:" + name, "size": len(data)}

    def layer(self, path):
        with open(path, "rb") as f:
            data = f.read()
        if self.options.get("pack") == "gzip":
            return self.blob("layer.v1.tar+gzip", gzip.compress(data, mtime=0))
        return self.blob("layer.v1.tar", data)

    def config(self, paths):
        ids = []
        for path in paths:
            with open(path, "rb") as f:
                ids.append("sha256:" + digest(f.read()))
        if self.broken == "diffid":
            ids[0] = "sha256:" + 64 * "0"
        if self.broken == "layers":
            ids.append("sha256:" + 64 * "0")
        return json.dumps({
            "architecture": self.options["arch"], "os": "linux",
            "config": json.loads(self.options.get("config", "{}")),
            "rootfs": {"type": "layers", "diff_ids": ids}}).encode()

    def image(self, paths):
        """The descriptor of the image; the manifest of Docker."""
        layers = [self.layer(path) for path in paths]
        config = self.config(paths)
        desc = self.blob("config.v1+json", config)
        if self.broken == "size":
            layers[0]["size"] += 1
        if self.broken == "digest":
            name = "blobs/sha256/" + layers[0]["digest"][7:]
            self.files[name] = self.files[name][:-1] + b"x"
        if self.broken and "/" in self.broken:
            layers[0]["digest"] = self.broken
        manifest = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": desc,
                    "layers": layers}
        if self.broken == "type":
            manifest["config"]["mediaType"] = "application/x-unknown"
        image = self.blob("manifest.v1+json", json.dumps(manifest).encode())
        image["platform"] = {"os": "linux", "architecture": self.options["arch"]}
        self.docker(desc, layers)
        return image

    def docker(self, config, layers):
        def path(desc):
            return "blobs/sha256/" + desc["digest"][7:]

        self.files["manifest.json"] = json.dumps([{
            "Config": path(config), "RepoTags": [self.options.get("tag", "test:latest")],
            "Layers": [path(layer) for layer in layers]}]).encode()

    def index(self, image, before):
        if self.options.get("index"):
            inner = json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json",
                                "manifests": [image]}).encode()
            image = self.blob("index.v1+json", inner)
        if "tag" in self.options:
            image["annotations"] = {"org.opencontainers.image.ref.name": self.options["tag"]}
        self.files["index.json"] = json.dumps(
            {"schemaVersion": 2, "manifests": before + [image]}).encode()
        self.files["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'


def write_dir(files, out):
    for name, data in files.items():
        path = os.path.join(out, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)


def write_tar(files, out, links=()):
    with tarfile.open(out, "w") as tar:
        for name, data in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type = tarfile.SYMTYPE
            info.linkname = target
            tar.addfile(info)


def write_old(layout, paths, out):
    """Layers in directories of their own; those that are there twice are links."""
    config = layout.config(paths)
    files = {digest(config) + ".json": config}
    links, names, have = [], [], {}
    for i, path in enumerate(paths):
        with open(path, "rb") as f:
            data = f.read()
        names.append("%064x/layer.tar" % (i + 1))
        if data in have:
            links.append((names[-1], "../" + have[data]))
        else:
            files[names[-1]] = data
            have[data] = names[-1]
    files["manifest.json"] = json.dumps([{
        "Config": digest(config) + ".json",
        "RepoTags": [layout.options.get("tag", "test:latest")], "Layers": names}]).encode()
    write_tar(files, out, links)


def main():
    form, out, *rest = sys.argv[1:]
    options = dict(word.split("=", 1) for word in rest if "=" in word)
    paths = [word for word in rest if "=" not in word]
    machine = platform.machine()
    options.setdefault("arch", ARCHES.get(machine, machine))
    layout = Layout(options)
    if form == "docker-old":
        write_old(layout, paths, out)
        return
    before = []
    if form == "oci" and os.path.exists(out):
        with open(os.path.join(out, "index.json"), encoding="utf-8") as f:
            before = json.load(f)["manifests"]
    layout.index(layout.image(paths), before)
    if form != "docker-archive":
        del layout.files["manifest.json"]
    if form == "oci":
        write_dir(layout.files, out)
    else:
        write_tar(layout.files, out)


main()
