# SPDX-License-Identifier: Apache-2.0
"""clients - programs that make images, each with storage of its own; what they do is timed"""

import os
import subprocess

from timing import timed


class ChImage:
    """Ours, and Charliecloud's"""

    def __init__(self, program, user, storage, options=()):
        self.program, self.user, self.options = program, user, options
        os.makedirs(os.path.dirname(storage), exist_ok=True)
        os.chown(os.path.dirname(storage), user.pw_uid, user.pw_gid)
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "CH_IMAGE_STORAGE": storage,
                    "USER": user.pw_name, "LOGNAME": user.pw_name, "LC_ALL": "C",
                    "HOME": os.path.dirname(storage), "GIT_AUTHOR_NAME": "x",
                    "GIT_COMMITTER_NAME": "x", "EMAIL": "x@localhost"}

    def call(self, *words):
        return timed([self.program, *words], self.user, env=self.env, cwd="/")

    def add(self, source, name):
        return self.call("import", source, name)

    def build(self, dockerfile, context):
        return self.call("build", *self.options, "-t", "built", "-f", dockerfile, context)


class Buildah:
    def __init__(self, driver, storage):
        self.base = ["buildah", "--root", storage, "--runroot", storage + ".run",
                     "--storage-driver", driver]

    def call(self, *words):
        return timed([*self.base, *words], cwd="/")

    def add(self, source, name):
        container = subprocess.run([*self.base, "from", "scratch"], check=True, text=True,
                                   capture_output=True).stdout.strip()
        self.call("add", "--quiet", container, source, "/")
        self.call("commit", "--quiet", container, name)
        self.call("rm", container)

    def build(self, dockerfile, context):
        return self.call("build", "--isolation", "chroot", "--layers", "--pull-never", "-t",
                         "built", "-f", dockerfile, context)
