#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""token_server.py - a registry with bearer tokens: a proxy in front of one that wants none

    token_server.py [--user USER:PASSWORD] [--private] [--life SECONDS] [--refresh TOKEN]
        [--narrow] [--strict] [--hidden REPOSITORY] [--realm URL] [--no-data] [--once]
        [--cert FILE --key FILE] [--log FILE] PORTFILE UPSTREAM [FAULT]...

Anybody may pull (not with --private), and the user may do everything. The proxy gives the tokens
itself, at /token; they are good for --life seconds (default 60). --refresh: an identity token that
is as good as the password. --narrow: tokens are for the last scope that is asked for only. --hidden:
nobody may do anything there. --strict: there is no token for less than what is asked for. --realm:
where tokens are to be got. --no-data: whoever sends data needs another token, always. --once: each
password is good for one token; the next one ends in a higher digit. PORTFILE, UPSTREAM, faults and
log: see fault_proxy.py. Requests for tokens are in the log, too, as

    TOKEN USER-or-"-" SCOPES
"""
import base64
import json
import re
import secrets
import time
import urllib.parse

import fault_proxy


class Handler(fault_proxy.Handler):
    # ---- tokens ----------------------------------------------------------------------------

    def who(self, form):
        """the user that the request proves to be; "" nobody; None: a lie"""
        if form.get("refresh_token"):
            return self.server.user[0] if form["refresh_token"][0] == self.server.refresh else None
        header = self.headers.get("Authorization", "")
        if not header:
            return ""
        pair = base64.b64decode(header.split(" ")[1]).decode()
        name, password = self.server.user
        if pair != f"{name}:{password}":
            return None
        if self.server.once:
            self.server.user = name, password[:-1] + str(int(password[-1]) + 1)
        return name

    def grant(self, scope, user):
        """what of "repository:NAME:ACTIONS" is granted, as a set of (NAME, ACTION)"""
        _, name, actions = scope.split(":")
        allowed = {"pull", "push"} if user else set() if self.server.private else {"pull"}
        if name == self.server.hidden_repository:
            allowed = set()
        return {(name, a) for a in actions.split(",") if a in allowed}

    def as_rights(self, scopes):
        return {(s.split(":")[1], a) for s in scopes for a in s.split(":")[2].split(",")}

    def give_token(self):
        body = b"".join(self.chunks()).decode()
        query = urllib.parse.urlsplit(self.path).query
        form = urllib.parse.parse_qs(body if self.command == "POST" else query)
        user = self.who(form)
        scopes = [s for text in form.get("scope", []) for s in text.split()]
        with self.server.lock, open(self.server.log, "a", encoding="utf-8") as f:
            f.write(f"TOKEN {user or '-'} {' '.join(scopes)}\n")
        rights = set().union(*(self.grant(s, user) for s in scopes))
        if user is None or (self.server.strict and not self.as_rights(scopes) <= rights):
            self.answer(401, body=b'{"details": "incorrect username or password"}')
            return
        if self.server.narrow:
            rights = self.grant(scopes[-1], user) if scopes else set()
        token = secrets.token_hex(16)
        self.server.tokens[token] = time.monotonic() + self.server.life, rights
        key = "access_token" if self.command == "POST" else "token"
        self.answer(200, [("Content-Type", "application/json")],
                    json.dumps({key: token, "expires_in": max(self.server.life, 1)}).encode())

    # ---- the registry ----------------------------------------------------------------------

    def needed(self):
        """the rights that the request takes, as scopes"""
        url = urllib.parse.urlsplit(self.path)
        m = re.match(r"/v2/(.+)/(manifests|blobs|tags)/", url.path)
        if not m:
            return []
        action = "pull" if self.command in ("GET", "HEAD") else "pull,push"
        source = urllib.parse.parse_qs(url.query).get("from", [])
        return [f"repository:{m[1]}:{action}"] + [f"repository:{s}:pull" for s in source]

    def refuse(self, error):
        scheme = "https" if self.server.is_tls else "http"
        realm = self.server.realm or f"{scheme}://127.0.0.1:{self.server.server_port}/token"
        text = f'Bearer realm="{realm}",service="test registry"'
        if self.needed():
            text += f',scope="{" ".join(self.needed())}"'
        if error:
            text += f',error="{error}"'
        for _ in self.chunks():
            pass
        self.answer(401, [("WWW-Authenticate", text)],
                    b'{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}')

    def serve(self):
        if self.path.startswith("/token"):
            self.give_token()
            return
        header = self.headers.get("Authorization", "")
        expires, rights = self.server.tokens.get(header.removeprefix("Bearer "), (0, set()))
        wanted = self.as_rights(self.needed())
        if not header.startswith("Bearer "):
            self.refuse("")
        elif expires < time.monotonic() or (self.server.no_data and self.command in ("PUT", "PATCH")):
            self.refuse("invalid_token")
        elif not wanted <= rights:
            self.refuse("insufficient_scope")
        else:
            super().serve()


class Server(fault_proxy.Server):
    hidden = ("authorization",)

    def __init__(self, args):
        super().__init__(Handler, args)
        self.tokens = {}
        self.user = tuple(args.user.split(":", 1))
        self.private = args.private
        self.narrow = args.narrow
        self.refresh = args.refresh
        self.life = args.life
        self.hidden_repository = args.hidden
        self.strict = args.strict
        self.realm = args.realm
        self.no_data = args.no_data
        self.once = args.once
        self.is_tls = bool(args.cert)


if __name__ == "__main__":
    parser = fault_proxy.parser()
    parser.add_argument("--user", default="alice:secret1")
    parser.add_argument("--private", action="store_true")
    parser.add_argument("--narrow", action="store_true")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--hidden", default="")
    parser.add_argument("--realm", default="")
    parser.add_argument("--no-data", action="store_true")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--life", type=float, default=60)
    parser.add_argument("--refresh", default="")
    options = parser.parse_args()
    Server(options).run(options.portfile)
