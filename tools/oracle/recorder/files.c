/* Files of scripts, and settings of the kernel, which are put back at the end. */
#define _GNU_SOURCE
#include "recorder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_SETTINGS 32

struct script_file files[MAX_FILES];
int nr_files;

static struct { char path[160], value[96]; } settings[MAX_SETTINGS];
static int nr_settings;

/* Page k of a filled file holds the byte 'a' + k % 26. */
static void fill(int fd, int nr_pages)
{
	char *page = driver_memory(PAGE);
	for (int k = 0; k < nr_pages; k++) {
		memset(page, 'a' + k % 26, PAGE);
		if (pwrite(fd, page, PAGE, k * PAGE) != (ssize_t)PAGE)
			die(EXIT_BAD_HOST, "cannot write the file: %m");
	}
	fsync(fd);
}

/* file NAME tmpfs|memfd|ext4 PAGES [fill] [cold] [ro] */
void create_file(char **words, int nr_words)
{
	if (nr_processes > 0)
		die(EXIT_BAD_SCRIPT, "files come before the first operation: subjects get them by fork");
	if (nr_words < 4 || nr_files == MAX_FILES || strlen(words[1]) >= sizeof files->name)
		die(EXIT_BAD_SCRIPT, "expected: file NAME tmpfs|memfd|ext4 PAGES [fill] [cold] [ro]");
	struct script_file *file = &files[nr_files];
	strcpy(file->name, words[1]);
	snprintf(file->kind, sizeof file->kind, "%s", words[2]);
	if (strcmp(file->kind, "memfd") == 0) {
		snprintf(file->path, sizeof file->path, "recorder-%s", words[1]);
		file->fd = memfd_create(file->path, 0);
	} else {
		const char *disk = getenv("RECORDER_DIR");
		const char *directory = strcmp(file->kind, "tmpfs") == 0 ? "/dev/shm" : disk != NULL ? disk : ".";
		snprintf(file->path, sizeof file->path, "%s/recorder-%d-%s", directory, getpid(), words[1]);
		file->fd = open(file->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	}
	if (file->fd < 0)
		die(EXIT_BAD_HOST, "%s: %m", file->path);
	nr_files++;
	int nr_pages = atoi(words[3]);
	if (ftruncate(file->fd, nr_pages * PAGE) != 0)
		die(EXIT_BAD_HOST, "%s: %m", file->path);
	bool is_cold = false, is_read_only = false;
	for (int i = 4; i < nr_words; i++) {
		if (strcmp(words[i], "fill") == 0)
			fill(file->fd, nr_pages);
		is_cold |= strcmp(words[i], "cold") == 0;
		is_read_only |= strcmp(words[i], "ro") == 0;
	}
	if (is_cold)
		posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED);
	if (is_read_only) {
		int read_only = open(file->path, O_RDONLY);
		close(file->fd);
		file->fd = read_only;
	}
}

struct script_file *find_file(const char *name)
{
	for (int i = 0; i < nr_files; i++)
		if (strcmp(files[i].name, name) == 0)
			return &files[i];
	die(EXIT_BAD_SCRIPT, "there is no file \"%s\"", name);
}

/* The script's name of what /proc/PID/maps shows: memfds and unlinked files have something around their path there. */
const char *mapped_file_name(const char *path)
{
	for (int i = 0; i < nr_files; i++) {
		const char *ours = files[i].path;
		bool is_memfd = strcmp(files[i].kind, "memfd") == 0;
		if (is_memfd ? strstr(path, "memfd:") != NULL && strstr(path, ours) != NULL
			     : strncmp(path, ours, strlen(ours)) == 0)
			return files[i].name;
	}
	if (strstr(path, "anon_hugepage") != NULL)
		return "anon_hugepage";
	/* Shared anonymous memory is a file that nobody can open. */
	if (strstr(path, "/dev/zero") != NULL)
		return "shm";
	return path;
}

void remove_files(void)
{
	for (int i = 0; i < nr_files; i++)
		if (strcmp(files[i].kind, "memfd") != 0)
			unlink(files[i].path);
}

/* Of `always [madvise] never` the word in brackets is the value. */
static void keep_value(const char *path)
{
	for (int i = 0; i < nr_settings; i++)
		if (strcmp(settings[i].path, path) == 0)
			return;
	char text[96];
	if (nr_settings == MAX_SETTINGS || read_text(path, text, sizeof text) < 0)
		return;
	const char *value = strchr(text, '[');
	value = value != NULL ? value + 1 : text;
	snprintf(settings[nr_settings].path, sizeof settings->path, "%s", path);
	snprintf(settings[nr_settings].value, sizeof settings->value, "%.*s", (int)strcspn(value, "]\n"), value);
	nr_settings++;
}

/* `key` is a path, or a name below /proc/sys. `now` becomes the value read back. */
void change_setting(const char *key, const char *value, char *now, size_t size, int *result)
{
	char path[160];
	snprintf(path, sizeof path, key[0] == '/' ? "%s" : "/proc/sys/%s", key);
	keep_value(path);
	*result = write_text(path, value);
	if (read_text(path, now, size) < 0)
		now[0] = '\0';
	now[strcspn(now, "\n")] = '\0';
}

void restore_settings(void)
{
	while (nr_settings-- > 0)
		write_text(settings[nr_settings].path, settings[nr_settings].value);
}
