/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_sif - a SIF file: what is found must lie within it */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/sif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(fd) int fd = memfd_create("image", MFD_CLOEXEC);
	struct ch_sif sif = { 0 };
	struct ch_err err;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;

	int rc = ch_sif_find(fd, &sif, &err);

	if (rc == 0 && (sif.size == 0 || sif.offset > size || sif.size > size - sif.offset))
		abort();
	if (rc == 0 && !ch_sif_is(data, size))
		abort();
	if (rc < 0 && (sif.offset || sif.size || !err.msg[0]))
		abort();
	if (ch_sif_find_json(fd, "oci-config.json", &sif, &err) == 1 &&
	    (sif.size == 0 || sif.offset > size || sif.size > size - sif.offset))
		abort();
	(void)ch_sif_arch(fd);
	return 0;
}
