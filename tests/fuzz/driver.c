/* SPDX-License-Identifier: Apache-2.0 */
/* driver.c - run a fuzz target without libFuzzer: on the files named, or else on all of its
 * corpus, which for fuzz_NAME is tests/fuzz/corpus/NAME. Prints TAP. */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count;

static int replay(const char *path)
{
	FILE *file = fopen(path, "re");
	size_t cap = 1 << 20;
	/* Exactly as long as the input, so that the sanitizer sees every byte too many. */
	uint8_t *all = malloc(cap);
	size_t size = file && all ? fread(all, 1, cap, file) : 0;
	uint8_t *data = malloc(size ? size : 1);
	int is_read = file && all && data && !ferror(file);

	if (is_read) {
		memcpy(data, all, size);
		LLVMFuzzerTestOneInput(data, size);
	}
	printf("%s %d - %s\n", is_read ? "ok" : "not ok", ++count, path);
	fflush(stdout);
	free(data);
	free(all);
	if (file)
		fclose(file);
	return is_read ? 0 : 1;
}

static int replay_all(const char *dir)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, alphasort);
	int rc = 0;

	if (n < 0) {
		printf("1..1\nnot ok 1 - %s: cannot be read\n", dir);
		return 1;
	}
	rc = chdir(dir) < 0;
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.')
			rc |= replay(names[i]->d_name);
		free(names[i]);
	}
	free(names);
	printf("1..%d\n", count);
	return rc;
}

int main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	const char *name = strrchr(argv[0], '/');
	char dir[PATH_MAX];
	int rc = 0;

	for (int i = 1; i < argc; i++)
		rc |= replay(argv[i]);
	if (argc > 1)
		return rc;
	name = name ? name + 1 : argv[0];
	name = strstr(name, "fuzz_") ? strstr(name, "fuzz_") + 5 : name; /* also "lt-fuzz_x" */
	snprintf(dir, sizeof(dir), "%s/tests/fuzz/corpus/%s", top ? top : ".", name);
	return replay_all(dir);
}
