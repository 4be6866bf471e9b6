/*
 * recorder SCRIPT > RECORD    runs a script (.mm) and prints observations, a JSON object a line
 * recorder --machine          prints the kernel and the settings that matter, as JSON
 *
 * Needs root, Linux 6.1 or later on x86-64, and swap for scripts that page out. Files of kind ext4 go to $RECORDER_DIR.
 * Exit codes: 2 for a script that is not right, 3 for a machine that cannot do it.
 */
#define _GNU_SOURCE
#include "recorder.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <unistd.h>

#define DRIVER_SIZE (32UL << 20)
#define OUTPUT_SIZE (1UL << 20)

int current_line;
static const char *script_path;

void die(int exit_code, const char *format, ...)
{
	va_list arguments;
	fflush(stdout);
	if (script_path != NULL)
		fprintf(stderr, current_line > 0 ? "%s:%d: " : "%s: ", script_path, current_line);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(exit_code);
}

/* Memory of the driver alone: subjects do not inherit it, so it is neither in their sizes nor in their page tables. */
void *driver_memory(size_t size)
{
	static char *next;
	if (next == NULL) {
		next = mmap((void *)DRIVER_START, DRIVER_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
		if (next == MAP_FAILED || madvise(next, DRIVER_SIZE, MADV_DONTFORK) != 0)
			die(EXIT_BAD_HOST, "cannot map memory: %m");
	}
	char *memory = next;
	next += (size + PAGE - 1) & ~(PAGE - 1);
	if (next > (char *)DRIVER_START + DRIVER_SIZE)
		die(EXIT_BAD_HOST, "the recorder's memory is too small");
	return memory;
}

/*
 * Starts this program anew with an address space that is the same each time. Without the C library's rseq area too:
 * it lies in the heap, and the kernel writes to it whenever the thread was preempted.
 */
static void fix_address_space(char **arguments)
{
	if (personality(0xffffffff) & ADDR_NO_RANDOMIZE)
		return;
	personality(ADDR_NO_RANDOMIZE);
	setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
	execv("/proc/self/exe", arguments);
	die(EXIT_BAD_HOST, "cannot start anew: %m");
}

/* Counters and LRU batches are per CPU: all that is observed happens on one. */
static void stay_on_one_cpu(void)
{
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1, &cpus);
	if (sched_setaffinity(0, sizeof cpus, &cpus) != 0)
		die(EXIT_BAD_HOST, "cannot stay on one CPU: %m");
}

/* At a fixed place of its own, so that it shares no page table with what scripts map. */
static void map_mailboxes(void)
{
	mailboxes = mmap((void *)MAILBOX_START, MAX_PROCESSES * sizeof(struct mailbox), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0);
	if (mailboxes == MAP_FAILED)
		die(EXIT_BAD_HOST, "cannot map the mailboxes: %m");
}

static void open_pipes(void)
{
	for (int i = 0; i < MAX_PROCESSES; i++)
		if (pipe(processes[i].orders) != 0 || pipe(processes[i].answers) != 0)
			die(EXIT_BAD_HOST, "cannot open pipes: %m");
}

static void clean_up(void)
{
	end_subjects();
	remove_files();
	restore_settings();
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: recorder SCRIPT > RECORD, or recorder --machine\n");
		return EXIT_BAD_SCRIPT;
	}
	if (strcmp(argv[1], "--machine") == 0)
		return print_machine();
	fix_address_space(argv);
	script_path = argv[1];
	FILE *script = fopen(script_path, "r");
	if (script == NULL)
		die(EXIT_BAD_SCRIPT, "%m");
	setvbuf(script, driver_memory(OUTPUT_SIZE), _IOFBF, OUTPUT_SIZE);
	setvbuf(stdout, driver_memory(OUTPUT_SIZE), _IOFBF, OUTPUT_SIZE);
	stay_on_one_cpu();
	map_mailboxes();
	open_pipes();
	atexit(clean_up);
	char line[1024];
	for (int number = 1; fgets(line, sizeof line, script) != NULL; number++)
		run_line(line, number);
	current_line = 0;
	fflush(stdout);
	return 0;
}
