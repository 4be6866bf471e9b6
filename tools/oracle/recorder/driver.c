/* The driver's side of subjects: starting them, giving orders, waiting for answers. */
#define _GNU_SOURCE
#include "recorder.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_MS 50
#define MAX_POLLS 1200 /* a minute */
#define HUGE_PAGE (2UL << 20)
/* The initial break lies this far into the 2 MiB that one page table covers. */
#define BRK_IN_TABLE (1UL << 20)

struct mailbox *mailboxes;
struct process processes[MAX_PROCESSES];
int nr_processes;
struct layout layout;

/* R, S, D, Z ... as /proc/PID/stat has it; 0 when there is no such process. */
static char state_of(pid_t pid)
{
	char path[64], text[512];
	sprintf(path, "/proc/%d/stat", pid);
	if (read_text(path, text, sizeof text) < 0)
		return 0;
	const char *after_name = strrchr(text, ')');
	return after_name != NULL ? after_name[2] : 0;
}

int await_answer(int index)
{
	struct pollfd answers = { .fd = processes[index].answers[0], .events = POLLIN };
	for (int i = 0; i < MAX_POLLS; i++) {
		char byte;
		if (poll(&answers, 1, POLL_MS) > 0 && read(answers.fd, &byte, 1) == 1)
			return 0;
		char state = state_of(processes[index].pid);
		bool is_gone = state == 0 || state == 'Z' || state == 'X';
		/* It may have answered and died since the poll. */
		if (is_gone && poll(&answers, 1, 0) <= 0)
			return -1;
	}
	return -1;
}

int give_order(int index)
{
	struct process *process = &processes[index];
	char byte = 1;
	if (!process->is_alive || write(process->orders[1], &byte, 1) != 1)
		return -1;
	int result = await_answer(index);
	if (result < 0)
		process->is_alive = false;
	return result;
}

static long order_system_call(int index, long number, long a, long b, long c, long d, long e, long f)
{
	struct mailbox *box = &mailboxes[index];
	const long args[] = { a, b, c, d, e, f };
	box->order = ORDER_SYSCALL;
	box->number = number;
	for (int i = 0; i < 6; i++)
		box->args[i] = args[i];
	if (give_order(index) < 0)
		die(EXIT_BAD_HOST, "the first subject died while it was set up");
	return box->result;
}

/*
 * Puts the break where the script's heap has a page table already and some hundred pages to grow in it, wherever the
 * end of this program happens to lie: page tables are counted (VmPTE).
 */
static void place_break(void)
{
	uint64_t used = (uint64_t)sbrk(0);
	uint64_t wanted = (used & ~(HUGE_PAGE - 1)) + BRK_IN_TABLE;
	if (wanted < used + PAGE)
		wanted += HUGE_PAGE;
	if (sbrk(wanted - used) == (void *)-1)
		die(EXIT_BAD_HOST, "cannot move the break");
	remember_own_areas();
	layout.heap_used = used - layout.heap_start;
}

void start_first_subject(void)
{
	place_break();
	nr_processes = 1;
	struct process *first = &processes[0];
	strcpy(first->name, "P0");
	fflush(stdout);
	first->pid = fork();
	if (first->pid < 0)
		die(EXIT_BAD_HOST, "cannot fork");
	if (first->pid == 0)
		run_subject(0);
	first->is_alive = true;
	if (await_answer(0) < 0)
		die(EXIT_BAD_HOST, "the first subject died with signal %ld at 0x%lx", mailboxes[0].signal,
		    mailboxes[0].signal_address);

	layout.initial_brk = order_system_call(0, SYS_brk, 0, 0, 0, 0, 0, 0);
	layout.mmap_top = order_system_call(0, SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	order_system_call(0, SYS_munmap, layout.mmap_top, PAGE, 0, 0, 0, 0);
	struct area *areas = driver_memory(128 * sizeof(struct area));
	int nr_areas = read_areas(first->pid, areas, 128);
	for (int i = 0; i < nr_areas; i++)
		if (strcmp(areas[i].path, "[stack]") == 0)
			layout.stack_bottom = areas[i].start;
	snapshot_status_base(first);
}

void end_subjects(void)
{
	for (int i = nr_processes - 1; i >= 0; i--)
		if (processes[i].pid > 0 && processes[i].is_alive)
			kill(processes[i].pid, SIGKILL);
	if (nr_processes > 0 && processes[0].pid > 0)
		waitpid(processes[0].pid, NULL, 0);
}

/*
 * Pages join the LRU lists in batches, one batch per CPU; until then their flags tell where they are in the batch.
 * Migration empties the batches of all CPUs first, so a page of ours is asked to migrate to where it is.
 */
void drain_lru(void)
{
	static void *page;
	int node = 0, status;
	if (page == NULL) {
		page = driver_memory(PAGE);
		*(volatile char *)page = 1;
	}
	syscall(SYS_move_pages, 0, 1UL, &page, &node, &status, 2 /* MPOL_MF_MOVE */);
}
