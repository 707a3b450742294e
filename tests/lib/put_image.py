#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""put_image.py - put images into a registry of plain HTTP, as they are described

Usage: put_image.py HOST:PORT NAME:TAG [--docker] [--config JSON] [--set JSON] [FORM:TAR]...
       put_image.py HOST:PORT NAME:TAG [--docker] --index ARCH[/VARIANT]=TAG...

The first makes an image of layers, the lowest one first. FORM is how the archive TAR becomes a
layer: none, gzip, zstd; gzips and zstds, two streams one after the other; gzipcut and nonecut,
damaged at the end. --config is what the configuration says in "config"; --set, what it says
outside: "architecture", "rootfs", "history" ... The second makes an index of images. Both print
the digest of the manifest.
"""
import gzip
import hashlib
import http.client
import json
import subprocess
import sys

OCI, DOCKER = "application/vnd.oci.image.", "application/vnd.docker."
TYPES = {
    False: {
        "index": OCI + "index.v1+json", "manifest": OCI + "manifest.v1+json",
        "config": OCI + "config.v1+json", "none": OCI + "layer.v1.tar",
        "gzip": OCI + "layer.v1.tar+gzip", "zstd": OCI + "layer.v1.tar+zstd",
    },
    True: {
        "index": DOCKER + "distribution.manifest.list.v2+json",
        "manifest": DOCKER + "distribution.manifest.v2+json",
        "config": DOCKER + "container.image.v1+json",
        "none": DOCKER + "image.rootfs.diff.tar", "gzip": DOCKER + "image.rootfs.diff.tar.gzip",
        "zstd": DOCKER + "image.rootfs.diff.tar.zstd",
    },
}


def request(host, method, path, body=None, **headers):
    connection = http.client.HTTPConnection(host)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"{method} {path}: {answer.status} {text[:300]}")
    return answer, text


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def put_blob(host, name, data):
    answer, _ = request(host, "POST", f"/v2/{name}/blobs/uploads/")
    path = answer.headers["Location"].split(host, 1)[-1]
    path += ("&" if "?" in path else "?") + "digest=" + digest(data)
    request(host, "PUT", path, data, **{"Content-Type": "application/octet-stream"})


def zstd(data):
    return subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout


def compress(form, data):
    """The layer, and under which type it goes"""
    half = len(data) // 2
    if form == "none":
        return data, form
    if form == "nonecut":
        return data[:half], "none"
    if form == "gzipcut":
        packed = gzip.compress(data)
        return packed[:len(packed) // 2], "gzip"
    one, kind = (zstd, "zstd") if form.startswith("zstd") else (gzip.compress, "gzip")
    if form.endswith("s"):
        return one(data[:half]) + one(data[half:]), kind
    return one(data), kind


def descriptor(kind, data):
    return {"mediaType": kind, "size": len(data), "digest": digest(data)}


def put_manifest(host, name, tag, kind, manifest):
    data = json.dumps(manifest).encode()
    request(host, "PUT", f"/v2/{name}/manifests/{tag}", data, **{"Content-Type": kind})
    print(digest(data))


def put_image(host, name, tag, types, config, more, layers):
    document = {
        "architecture": "amd64", "os": "linux", "config": config,
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    descriptors = []
    for layer in layers:
        form, path = layer.split(":", 1)
        with open(path, "rb") as file:
            data = file.read()
        packed, kind = compress(form, data)
        put_blob(host, name, packed)
        descriptors.append(descriptor(types[kind], packed))
        document["rootfs"]["diff_ids"].append(digest(data))
    document.update(more)
    data = json.dumps(document).encode()
    put_blob(host, name, data)
    put_manifest(host, name, tag, types["manifest"], {
        "schemaVersion": 2, "mediaType": types["manifest"],
        "config": descriptor(types["config"], data), "layers": descriptors,
    })


def put_index(host, name, tag, types, images):
    manifests = []
    for image in images:
        arch, other = image.split("=", 1)
        answer, text = request(host, "GET", f"/v2/{name}/manifests/{other}",
                               Accept=types["manifest"])
        entry = descriptor(answer.headers["Content-Type"], text)
        entry["platform"] = {"os": "linux", "architecture": arch.split("/")[0]}
        if "/" in arch:
            entry["platform"]["variant"] = arch.split("/")[1]
        manifests.append(entry)
    put_manifest(host, name, tag, types["index"], {
        "schemaVersion": 2, "mediaType": types["index"], "manifests": manifests,
    })


def main():
    host, image, *rest = sys.argv[1:]
    name, tag = image.rsplit(":", 1)
    config, more, is_docker = {}, {}, False
    while rest and rest[0] in ("--docker", "--config", "--set"):
        option = rest.pop(0)
        if option == "--docker":
            is_docker = True
        elif option == "--config":
            config = json.loads(rest.pop(0))
        else:
            more = json.loads(rest.pop(0))
    if rest and rest[0] == "--index":
        put_index(host, name, tag, TYPES[is_docker], rest[1:])
    else:
        put_image(host, name, tag, TYPES[is_docker], config, more, rest)


main()
