#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""hostile_run.py - what becomes of the images of hostile_images.py

Usage: hostile_run.py [--memory MIB] [--only NAME] DIR OUTSIDE TREE COMMAND...

For each of the table DIR/cases, COMMAND is run with "{name}" in it replaced; the image is in the
directory TREE then. It must succeed, or be refused with status 1 and a line that tells why, which
is fit for a terminal; within 20 seconds, and MIB of memory; and nothing may have changed in
OUTSIDE. Prints what is wrong; exits 1 then. COLUMN of the table is told by COMMAND: pull, import,
or ch-convert.
"""
import argparse
import os
import re
import resource
import subprocess
import sys
import time

SECONDS = 20


def look(top):
    """All there is to know of a directory"""
    seen = []
    for path, dirs, files in os.walk(top):
        for name in ["."] + dirs + files:
            full = os.path.join(path, name)
            st = os.lstat(full)
            seen.append((full, st.st_mode, st.st_nlink, st.st_uid, st.st_size, st.st_mtime_ns))
        for name in files:
            with open(os.path.join(path, name), "rb") as file:
                seen.append(file.read())
    return sorted(map(repr, seen))


def complaint(want, status, text):
    """What is wrong with how it ended"""
    if status == 0:
        return None if want in ("ok", "any") else "it was taken"
    lines = text.rstrip(b"\n").split(b"\n")
    errors = [line for line in lines if re.match(rb"ch-(image|convert)(\[\d+\])?: error: ", line)]
    if status != 1 or want == "ok":
        return f"status {status}"
    if errors != lines[-1:]:
        return "there is not one error, at the end"
    if want != "any" and not re.search(want.encode(), lines[-1]):
        return f"there is no '{want}'"
    return None


class Runner:
    def __init__(self, args):
        self.args = args
        self.before = look(args.outside)
        self.checker = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hostile")
        self.said = b""

    def limit(self):
        if self.args.memory:
            resource.setrlimit(resource.RLIMIT_DATA, (self.args.memory << 20,) * 2)

    def run(self, name, want, check):
        command = [word.replace("{name}", name) for word in self.args.command]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, preexec_fn=self.limit, timeout=SECONDS,
                                  check=False)
        except subprocess.TimeoutExpired:
            return "it hangs", b""
        self.said += done.stderr
        wrong = complaint(want, done.returncode, done.stderr)
        if not wrong and look(self.args.outside) != self.before:
            wrong = "something has changed outside"
        if not wrong and done.returncode == 0:
            held = subprocess.run(["sh", "-euc", check], cwd=self.args.tree, check=False,
                                  capture_output=True)
            if held.returncode:
                return f"not so: {check}", held.stderr
        return wrong, done.stderr

    def check_said(self):
        """All at once: this is a process of its own."""
        checked = subprocess.run([self.checker, "check", "600"], input=self.said, check=False,
                                 stdout=subprocess.PIPE)
        return checked.stdout.decode(errors="replace")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--memory", type=int)
    parser.add_argument("--only")
    for name in ("dir", "outside", "tree"):
        parser.add_argument(name)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    column = next(i for i, way in enumerate(["pull", "ch-convert", "import"]) if
                  any(way in word for word in args.command)) + 1
    runner = Runner(args)
    failed = False
    with open(os.path.join(args.dir, "cases"), encoding="utf-8") as table:
        rows = [line.rstrip("\n").split("\t") for line in table]
    rows = [row for row in rows if row[column] != "-" and args.only in (None, row[0])]
    if not rows:
        print("there is nothing to run")
        failed = True
    for row in rows:
        start = time.monotonic()
        wrong, text = runner.run(row[0], row[column], row[4])
        took = time.monotonic() - start
        if wrong or args.only:
            failed |= bool(wrong)
            print(f"{row[0]}: {wrong}, after {took:.1f} s", text.decode(errors="replace"), sep="\n")
        elif took > SECONDS / 10:
            print(f"{row[0]}: took {took:.1f} s")
    wrong = runner.check_said()
    if wrong:
        print(wrong)
    return 1 if failed or wrong else 0


sys.exit(main())
