#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. /etc/os-release
echo "hello from $PRETTY_NAME, as $(id -un)"
