/* What /proc says of a subject, as JSON. */
#define _GNU_SOURCE
#include "recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_AREAS 512
#define MAX_TEXT (4UL << 20)
#define MAX_AREA_PAGES (1UL << 20)

static const char *const status_keys[] = {
	"VmPeak", "VmSize",   "VmLck",  "VmHWM", "VmRSS",  "RssAnon",
	"RssFile", "RssShmem", "VmData", "VmPTE", "VmSwap", "HugetlbPages",
};
#define NR_STATUS_KEYS (int)(sizeof status_keys / sizeof status_keys[0])

long read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	size_t length = 0;
	ssize_t nr_read;
	while (length < size - 1 && (nr_read = read(fd, text + length, size - 1 - length)) > 0)
		length += nr_read;
	text[length] = '\0';
	close(fd);
	return length;
}

int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	int result = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return result;
}

/* One file of /proc/PID as text, good until the next call. */
static char *proc_text(pid_t pid, const char *name)
{
	static char *text;
	if (text == NULL)
		text = driver_memory(MAX_TEXT);
	char path[64];
	sprintf(path, "/proc/%d/%s", pid, name);
	if (read_text(path, text, MAX_TEXT) < 0)
		text[0] = '\0';
	return text;
}

int read_areas(pid_t pid, struct area *areas, int most)
{
	int nr_areas = 0;
	char *rest = proc_text(pid, "maps");
	for (char *line; nr_areas < most && (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
		struct area *area = &areas[nr_areas];
		int path_at = 0;
		sscanf(line, "%lx-%lx %7s %lx %*x:%*x %*u %n", &area->start, &area->end, area->permissions,
		       &area->offset, &path_at);
		snprintf(area->path, sizeof area->path, "%s", path_at > 0 ? line + path_at : "");
		nr_areas++;
	}
	return nr_areas;
}

static bool in_arena(uint64_t address)
{
	return address >= ARENA_START && address < ARENA_END;
}

/* The areas that scripts are about: the arena, the last mapping that the kernel placed, the heap above the initial break. */
static int collect_script_areas(pid_t pid, struct area *areas)
{
	int nr_areas = read_areas(pid, areas, MAX_AREAS);
	int nr_kept = 0;
	uint64_t brk = layout.initial_brk, last = layout.last_mapping;
	for (int i = 0; i < nr_areas; i++) {
		struct area area = areas[i];
		bool is_ours = in_arena(area.start) || (last != 0 && area.start <= last && last < area.end);
		if (!is_ours && area.end > brk && area.start < brk + (1UL << 30)) {
			is_ours = true;
			if (area.start < brk)
				area.start = brk;
		}
		if (is_ours)
			areas[nr_kept++] = area;
	}
	return nr_kept;
}

static struct area *script_areas(pid_t pid, int *nr_areas)
{
	static struct area *areas;
	if (areas == NULL)
		areas = driver_memory(MAX_AREAS * sizeof(struct area));
	*nr_areas = collect_script_areas(pid, areas);
	return areas;
}

/* ["START","END","PERMISSIONS"] and, of what is mapped from a file, its name and the offset in pages. */
static void print_maps(pid_t pid)
{
	int nr_areas;
	const struct area *areas = script_areas(pid, &nr_areas);
	printf(",\"maps\":[");
	for (int i = 0; i < nr_areas; i++) {
		const struct area *area = &areas[i];
		printf("%s[\"%s\",\"%s\",\"%s\"", i > 0 ? "," : "", address_text(area->start),
		       address_text(area->end), area->permissions);
		if (area->path[0] != '\0' || area->offset != 0)
			printf(",\"%s\",%lu", mapped_file_name(area->path), area->offset / PAGE);
		printf("]");
	}
	printf("]");
}

/* Fields that say nothing: the size is in `n`, pages are 4 KiB unless said otherwise, zero goes without saying. */
static bool is_worth_printing(const char *key, long value)
{
	if (strcmp(key, "Size") == 0)
		return false;
	if (strcmp(key, "MMUPageSize") == 0 || strcmp(key, "KernelPageSize") == 0)
		return value != 4;
	return value != 0 || strcmp(key, "Rss") == 0;
}

static void print_smaps(pid_t pid)
{
	char *rest = proc_text(pid, "smaps");
	bool is_inside = false, is_first = true;
	uint64_t last = layout.last_mapping, brk = layout.initial_brk;
	printf(",\"smaps\":[");
	for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
		uint64_t start, end;
		char key[40];
		long value;
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2) {
			if (is_inside)
				printf("}");
			is_inside = in_arena(start) || (last != 0 && start <= last && last < end) ||
				    (start >= brk && start < brk + (1UL << 30));
			if (is_inside) {
				printf("%s{\"at\":\"%s\",\"n\":%lu", is_first ? "" : ",", address_text(start),
				       (end - start) / PAGE);
				is_first = false;
			}
		} else if (is_inside && strncmp(line, "VmFlags: ", 9) == 0) {
			size_t length = strlen(line);
			while (line[length - 1] == ' ')
				line[--length] = '\0';
			printf(",\"VmFlags\":\"%s\"", line + 9);
		} else if (is_inside && sscanf(line, "%39[^:]: %ld", key, &value) == 2 &&
			   is_worth_printing(key, value)) {
			printf(",\"%s\":%ld", key, value);
		}
	}
	printf(is_inside ? "}]" : "]");
}

/* A bit and the letter that stands for it. */
struct letter {
	int bit;
	char letter;
};

/* Of a pagemap entry: Documentation/admin-guide/mm/pagemap.rst. */
static const struct letter pagemap_letters[] = {
	{ 63, 'P' }, { 62, 'S' }, { 61, 'f' }, { 56, 'x' }, { 57, 'w' }, { 58, 'g' }, { 55, 'd' }, { 0, 0 },
};
/* Of /proc/kpageflags: what a page is ... */
static const struct letter kind_letters[] = {
	{ 3, 'U' },  { 12, 'A' }, { 14, 'B' }, { 15, 'H' }, { 16, 'T' }, { 17, 'G' },
	{ 21, 'K' }, { 22, 't' }, { 24, 'Z' }, { 11, 'M' }, { 0, 0 },
};
/* ... and where it is with reclaim. */
static const struct letter lru_letters[] = {
	{ 2, 'r' }, { 4, 'd' },  { 5, 'l' },  { 6, 'a' },  { 8, 'w' },
	{ 9, 'R' }, { 13, 's' }, { 18, 'u' }, { 33, 'm' }, { 0, 0 },
};

#define PAGEMAP_PRESENT (1UL << 63)
#define PAGEMAP_PFN ((1UL << 55) - 1)
#define KPF_ZERO_PAGE (1UL << 24)

static void letters_of(uint64_t bits, const struct letter *letters, char *text)
{
	for (; letters->letter != 0; letters++)
		if (bits >> letters->bit & 1)
			*text++ = letters->letter;
	*text = '\0';
}

static uint64_t page_word(const char *path, int *fd, uint64_t pfn)
{
	uint64_t word = 0;
	if (*fd < 0)
		*fd = open(path, O_RDONLY);
	if (pread(*fd, &word, sizeof word, pfn * sizeof word) != sizeof word)
		return 0;
	return word;
}

static uint64_t page_flags(uint64_t pfn)
{
	static int fd = -1;
	return page_word("/proc/kpageflags", &fd, pfn);
}

static uint64_t page_map_count(uint64_t pfn)
{
	static int fd = -1;
	return page_word("/proc/kpagecount", &fd, pfn);
}

/* What one kind of snapshot says of a page with this pagemap entry; empty when nothing. */
typedef void describe_page(uint64_t entry, char *text);

static void describe_entry(uint64_t entry, char *text)
{
	letters_of(entry, pagemap_letters, text);
}

/* The frame of a present page, or 0. */
static uint64_t frame_of(uint64_t entry)
{
	return entry & PAGEMAP_PRESENT ? entry & PAGEMAP_PFN : 0;
}

static void describe_flags(uint64_t entry, const struct letter *letters, char *text)
{
	uint64_t pfn = frame_of(entry);
	text[0] = '\0';
	if (pfn == 0)
		return;
	letters_of(page_flags(pfn), letters, text);
	if (text[0] == '\0')
		strcpy(text, "-");
}

static void describe_kind(uint64_t entry, char *text)
{
	describe_flags(entry, kind_letters, text);
}

static void describe_lru(uint64_t entry, char *text)
{
	describe_flags(entry, lru_letters, text);
}

/* The zero page is mapped by everybody: its count is no fact of the script. */
static void describe_map_count(uint64_t entry, char *text)
{
	uint64_t pfn = frame_of(entry);
	text[0] = '\0';
	if (pfn == 0)
		return;
	if (page_flags(pfn) & KPF_ZERO_PAGE)
		strcpy(text, "Z");
	else
		sprintf(text, "%lu", page_map_count(pfn));
}

/* ["START",COUNT,"TEXT"] for pages in a row of which the same is said, area by area. */
static void print_pages(pid_t pid, const char *name, describe_page *describe)
{
	static uint64_t *entries;
	if (entries == NULL)
		entries = driver_memory(MAX_AREA_PAGES * sizeof *entries);
	char path[64];
	sprintf(path, "/proc/%d/pagemap", pid);
	int fd = open(path, O_RDONLY);
	int nr_areas;
	const struct area *areas = script_areas(pid, &nr_areas);
	bool is_first = true;
	printf(",\"%s\":[", name);
	for (int i = 0; i < nr_areas; i++) {
		uint64_t first = areas[i].start / PAGE;
		uint64_t nr_pages = areas[i].end / PAGE - first;
		if (nr_pages > MAX_AREA_PAGES)
			nr_pages = MAX_AREA_PAGES;
		long size = nr_pages * sizeof *entries;
		if (pread(fd, entries, size, first * sizeof *entries) != size)
			continue;
		char text[32] = "", next[32];
		uint64_t run_start = 0;
		for (uint64_t page = 0; page <= nr_pages; page++) {
			next[0] = '\0';
			if (page < nr_pages)
				describe(entries[page], next);
			if (page < nr_pages && strcmp(text, next) == 0)
				continue;
			if (text[0] != '\0') {
				printf("%s[\"%s\",%lu,\"%s\"]", is_first ? "" : ",",
				       address_text((first + run_start) * PAGE), page - run_start, text);
				is_first = false;
			}
			run_start = page;
			strcpy(text, next);
		}
	}
	printf("]");
	close(fd);
}

static long status_value(const char *text, const char *key)
{
	char pattern[40];
	sprintf(pattern, "\n%s:", key);
	const char *at = strstr(text, pattern);
	return at != NULL ? atol(at + strlen(pattern)) : 0;
}

long read_status(pid_t pid, const char *key)
{
	return status_value(proc_text(pid, "status"), key);
}

void snapshot_status_base(struct process *process)
{
	const char *text = proc_text(process->pid, "status");
	for (int i = 0; i < NR_STATUS_KEYS; i++)
		process->base[i] = status_value(text, status_keys[i]);
}

/* The change since the process began: what it had then is this program's own. */
static void print_status(const struct process *process)
{
	const char *text = proc_text(process->pid, "status");
	printf(",\"status\":{");
	for (int i = 0; i < NR_STATUS_KEYS; i++)
		printf("%s\"%s\":%ld", i > 0 ? "," : "", status_keys[i],
		       status_value(text, status_keys[i]) - process->base[i]);
	printf("}");
}

/* Lines of the arena, with the address in our notation and without the path, which is different each time. */
static void print_numa_maps(pid_t pid)
{
	char *rest = proc_text(pid, "numa_maps");
	bool is_first = true;
	printf(",\"numa_maps\":[");
	for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
		char *after;
		uint64_t start = strtoul(line, &after, 16);
		if (!in_arena(start))
			continue;
		printf("%s\"%s", is_first ? "" : ",", address_text(start));
		char *file = strstr(after, "file=");
		if (file == NULL) {
			printf("%s\"", after);
		} else {
			const char *behind = strchr(file + 1, ' ');
			printf("%.*s%s\"", (int)(file - after), after, behind != NULL ? behind : "");
		}
		is_first = false;
	}
	printf("]");
}

void print_snapshot(const struct process *process, const char *parts)
{
	pid_t pid = process->pid;
	if (list_has(parts, "maps"))
		print_maps(pid);
	if (list_has(parts, "smaps"))
		print_smaps(pid);
	if (list_has(parts, "pagemap"))
		print_pages(pid, "pagemap", describe_entry);
	if (list_has(parts, "kpf"))
		print_pages(pid, "kpf", describe_kind);
	if (list_has(parts, "lru"))
		print_pages(pid, "lru", describe_lru);
	if (list_has(parts, "mapcount"))
		print_pages(pid, "mapcount", describe_map_count);
	if (list_has(parts, "status"))
		print_status(process);
	if (list_has(parts, "numa"))
		print_numa_maps(pid);
	if (list_has(parts, "oom"))
		printf(",\"oom_score\":%d", atoi(proc_text(pid, "oom_score")));
}
