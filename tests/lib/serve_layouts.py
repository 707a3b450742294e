#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""serve_layouts.py - a registry to pull from, of plain HTTP, whose images are OCI layouts

Usage: serve_layouts.py DIR PORTFILE

It listens on a free port of 127.0.0.1, which it writes to PORTFILE. Whatever the tag, NAME is the
first manifest or index of the layout DIR/NAME, byte for byte: unlike other registries, this one
does not look at it.
"""
import http.server
import json
import os
import sys


class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    top = ""

    def log_message(self, *args):
        pass

    def do_GET(self):   # noqa: N802
        name, _, rest = self.path[len("/v2/"):].partition("/")
        layout = os.path.join(self.top, name)
        kind = "application/octet-stream"
        if not name:
            self.send(b"{}", kind)
            return
        digest = rest.rpartition("/")[2]
        if rest.startswith("manifests/") and not digest.startswith("sha256:"):
            with open(layout + "/index.json", encoding="utf-8") as file:
                first = json.load(file)["manifests"][0]
            digest, kind = first["digest"], first["mediaType"]
        try:
            with open(layout + "/blobs/sha256/" + digest[len("sha256:"):], "rb") as file:
                self.send(file.read(), kind)
        except OSError:
            self.send(b"", kind, 404)

    do_HEAD = do_GET

    def send(self, data, kind, status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Who has seen enough may go."""


def main():
    Registry.top, port_file = sys.argv[1:]
    server = Server(("127.0.0.1", 0), Registry)
    with open(port_file + ".new", "w", encoding="utf-8") as file:
        print(server.server_port, file=file)
    os.rename(port_file + ".new", port_file)
    server.serve_forever()


main()
