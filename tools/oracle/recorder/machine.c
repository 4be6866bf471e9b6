/* Prints what of this machine shows in observations, as JSON: machine.json beside the records. */
#define _GNU_SOURCE
#include "recorder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#define SOFT_DIRTY (1UL << 55)
#define KPF_KSM (1UL << 21)
#define MADV_GUARD_INSTALL 102

static long meminfo_kb(const char *key)
{
	char text[8192], pattern[40];
	if (read_text("/proc/meminfo", text, sizeof text) < 0)
		return 0;
	sprintf(pattern, "%s:", key);
	const char *at = strstr(text, pattern);
	return at != NULL ? atol(at + strlen(pattern)) : 0;
}

/* The value, or what stands in brackets where there are several; empty when the kernel has no such setting. */
static const char *setting(const char *path)
{
	static char text[256];
	if (read_text(path, text, sizeof text) < 0)
		return "";
	char *start = strchr(text, '[');
	start = start != NULL ? start + 1 : text;
	start[strcspn(start, "]\n")] = '\0';
	return start;
}

static uint64_t word_of(const char *path, uint64_t index)
{
	uint64_t word = 0;
	int fd = open(path, O_RDONLY);
	if (pread(fd, &word, sizeof word, index * sizeof word) != sizeof word)
		word = 0;
	close(fd);
	return word;
}

/* Does the smaps entry at `address` have `flag` among its VmFlags? */
static bool has_vm_flag(uint64_t address, const char *flag)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	char line[512];
	bool is_inside = false, found = false;
	while (smaps != NULL && fgets(line, sizeof line, smaps) != NULL) {
		uint64_t start, end;
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			is_inside = start <= address && address < end;
		else if (is_inside && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, flag) != NULL;
	}
	if (smaps != NULL)
		fclose(smaps);
	return found;
}

int print_machine(void)
{
	struct utsname name;
	uname(&name);
	/* Two pages of our own tell how this kernel reports them; the second gets a guard. */
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pages[0] = 1;
	madvise(pages + PAGE, PAGE, MADV_GUARD_INSTALL);
	uint64_t entry = word_of("/proc/self/pagemap", (uint64_t)pages / PAGE);
	uint64_t flags = word_of("/proc/kpageflags", entry & ((1UL << 55) - 1));
	printf("{\n");
	printf("  \"release\": \"%s\",\n", name.release);
	printf("  \"softDirty\": %s,\n", entry & SOFT_DIRTY ? "true" : "false");
	printf("  \"guardVmFlag\": %s,\n", has_vm_flag((uint64_t)pages, " gu") ? "true" : "false");
	printf("  \"ksmFlagOnAnonymous\": %s,\n", flags & KPF_KSM ? "true" : "false");
	printf("  \"nrCpus\": %ld,\n", sysconf(_SC_NPROCESSORS_ONLN));
	printf("  \"memTotalKb\": %ld,\n", meminfo_kb("MemTotal"));
	printf("  \"swapTotalKb\": %ld,\n", meminfo_kb("SwapTotal"));
	printf("  \"transparentHugePages\": \"%s\",\n", setting("/sys/kernel/mm/transparent_hugepage/enabled"));
	printf("  \"shmemHugePages\": \"%s\",\n", setting("/sys/kernel/mm/transparent_hugepage/shmem_enabled"));
	printf("  \"ksm\": \"%s\",\n", setting("/sys/kernel/mm/ksm/run"));
	printf("  \"lruGen\": \"%s\",\n", setting("/sys/kernel/mm/lru_gen/enabled"));
	printf("  \"pageCluster\": %d,\n", atoi(setting("/proc/sys/vm/page-cluster")));
	printf("  \"overcommitMemory\": %d,\n", atoi(setting("/proc/sys/vm/overcommit_memory")));
	printf("  \"overcommitRatio\": %d,\n", atoi(setting("/proc/sys/vm/overcommit_ratio")));
	printf("  \"maxMapCount\": %d,\n", atoi(setting("/proc/sys/vm/max_map_count")));
	printf("  \"zswap\": \"%s\"\n", setting("/sys/module/zswap/parameters/enabled"));
	printf("}\n");
	return 0;
}
