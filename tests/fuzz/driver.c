/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target without libFuzzer, the same way each time: over every
 * seed of a folder, the seed cut at each length and with single bits flipped,
 * as far as a budget a seed goes. A folder without a seed is a failure.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEED_MAX (1U << 20)
#define CUTS_MAX 512U
#define BITS_MAX 2048U

/* The input is a block of its own length, so that a sanitizer sees a read behind it. */
static void
run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static size_t
run_seed(uint8_t *data, size_t size)
{
	size_t step, count = 1;

	run(data, size);
	step = size / CUTS_MAX + 1;
	for (size_t n = 0; n < size; n += step, count++)
		run(data, n);
	step = size * 8 / BITS_MAX + 1;
	for (size_t bit = 0; bit < size * 8; bit += step, count++) {
		data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
		run(data, size);
		data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
	}
	return count;
}

/* The number of inputs that were run, 0 where the file cannot be read. */
static size_t
run_file(const char *path)
{
	uint8_t *data = malloc(SEED_MAX);
	FILE *f = fopen(path, "rb");
	size_t count = 0;

	if (data && f)
		count = run_seed(data, fread(data, 1, SEED_MAX, f));
	else
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	if (f)
		fclose(f);
	free(data);
	return count;
}

static int
run_folder(const char *folder, size_t *seeds, size_t *inputs)
{
	DIR *d = opendir(folder);
	int status = 0;

	if (!d) {
		fprintf(stderr, "%s: %s\n", folder, strerror(errno));
		return -1;
	}
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		char path[4096];
		struct stat st;

		if (snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) >= (int)sizeof(path))
			status = -1;
		else if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		else {
			size_t count = run_file(path);
			*seeds += count > 0;
			*inputs += count;
			status = count > 0 ? status : -1;
		}
	}
	closedir(d);
	return status;
}

int
main(int argc, char **argv)
{
	size_t seeds = 0, inputs = 0;
	int status = 0;

	for (int i = 1; i < argc; i++)
		if (run_folder(argv[i], &seeds, &inputs) < 0)
			status = 1;
	printf("%zu seeds, %zu inputs\n", seeds, inputs);
	if (seeds == 0)
		fprintf(stderr, "no seed in the folder given\n");
	return status != 0 || seeds == 0;
}
