/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/version.h"

#include "config.h"

#include <stdio.h>

#include "rt/proto.h"
#include "rt/request.h"
#include "rt/server_proto.h"

#define TEXT(x)	 #x
#define VALUE(x) TEXT(x)

static const char marked[] = CH_VERSION_MARK PACKAGE_VERSION
	", protocols " VALUE(CH_PROTO_VERSION) " " CH_REQUEST_FORMAT " " VALUE(CH_SERVER_VERSION);

const char *const ch_version = marked + sizeof(CH_VERSION_MARK) - 1;

void ch_version_print(const char *name)
{
	printf("%s (%s) %s\n", name, PACKAGE_NAME, ch_version);
}
