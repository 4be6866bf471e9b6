/*
 * The operations: each reads its words, gives the current subject an order and says which fields its observation has.
 * README.md has the grammar.
 */
#define _GNU_SOURCE
#include "recorder.h"

#include <linux/falloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define NOBODY 65534

/* How the result of an operation is written. */
enum form {
	FORM_NUMBER,
	FORM_ADDRESS,
	FORM_VECTOR, /* and which pages are resident, `vec` */
	FORM_DONE,   /* and, after a signal, how many pages were written before, `done` */
	FORM_WAIT,   /* and the child's status, `wstatus` */
	FORM_EXIT,   /* the subject is expected to be gone */
	FORM_SILENT, /* no observation at all */
};

/* A line being executed. */
struct step {
	char **words;
	int nr_words;
	struct mailbox *box;
	int result;         /* of give_order */
	bool counts_faults; /* some operations fault in this program's own memory too */
};

static int current; /* index of the process that lines run in */

/* ---- orders ---- */

static void order(struct step *step, enum order what, long a, long b, long c, long d)
{
	struct mailbox *box = step->box;
	box->order = what;
	box->args[0] = a;
	box->args[1] = b;
	box->args[2] = c;
	box->args[3] = d;
	box->args[4] = box->args[5] = 0;
	step->result = give_order(current);
}

static void system_call(struct step *step, long number, long a, long b, long c, long d, long e, long f)
{
	const long args[] = { a, b, c, d, e, f };
	step->box->order = ORDER_SYSCALL;
	step->box->number = number;
	for (int i = 0; i < 6; i++)
		step->box->args[i] = args[i];
	step->result = give_order(current);
}

/* What the driver did for the subject, as a result. */
static void set_result(struct step *step, long result)
{
	struct mailbox *box = step->box;
	box->result = result;
	box->error = box->signal = box->minor_faults = box->major_faults = 0;
}

/* ---- words ---- */

static uint64_t address_at(const struct step *step, int n)
{
	return parse_address(step->words[n]);
}

static long length_at(const struct step *step, int n)
{
	return parse_length(step->words[n]);
}

static long number_or(const struct step *step, int n, long otherwise)
{
	return step->nr_words > n ? atol(step->words[n]) : otherwise;
}

static int fd_at(const struct step *step, int n)
{
	return find_file(step->words[n])->fd;
}

/* A word and the flag that it means. */
struct flag {
	const char *name;
	int value;
};

static int flags_of(const char *list, const struct flag *flags)
{
	int value = 0;
	for (; flags->name != NULL; flags++)
		if (list_has(list, flags->name))
			value |= flags->value;
	return value;
}

/* ---- mappings ---- */

static const struct flag map_flags[] = {
	{ "private", MAP_PRIVATE },     { "shared", MAP_SHARED },
	{ "anon", MAP_ANONYMOUS },      { "fixed", MAP_FIXED },
	{ "populate", MAP_POPULATE },   { "noreserve", MAP_NORESERVE },
	{ "hugetlb", MAP_HUGETLB },     { "growsdown", MAP_GROWSDOWN },
	{ "locked", MAP_LOCKED },       { "stack", MAP_STACK },
	{ "nonblock", MAP_NONBLOCK },   { "validate", MAP_SHARED_VALIDATE },
	{ "sync", MAP_SYNC },           { NULL, 0 },
};

/* mmap ADDRESS|any PAGES PROTECTION FLAGS [FILE [OFFSET]] */
static void do_mmap(struct step *step)
{
	bool is_anywhere = strcmp(step->words[1], "any") == 0;
	const char *list = step->words[4];
	int flags = flags_of(list, map_flags);
	/* A script says where things go; what is there already is to be an error, not gone. */
	if (!is_anywhere && !list_has(list, "fixed") && !list_has(list, "hint"))
		flags |= MAP_FIXED_NOREPLACE;
	system_call(step, SYS_mmap, is_anywhere ? 0 : address_at(step, 1), length_at(step, 2),
		    parse_protection(step->words[3]), flags, step->nr_words > 5 ? fd_at(step, 5) : -1,
		    number_or(step, 6, 0) * PAGE);
	if (is_anywhere && step->box->result != -1)
		layout.last_mapping = step->box->result;
}

static void do_munmap(struct step *step)
{
	system_call(step, SYS_munmap, address_at(step, 1), length_at(step, 2), 0, 0, 0, 0);
}

static void do_mprotect(struct step *step)
{
	system_call(step, SYS_mprotect, address_at(step, 1), length_at(step, 2), parse_protection(step->words[3]),
		    0, 0, 0);
}

static const struct flag mremap_flags[] = {
	{ "maymove", MREMAP_MAYMOVE },
	{ "fixed", MREMAP_MAYMOVE | MREMAP_FIXED },
	{ "dontunmap", MREMAP_MAYMOVE | MREMAP_DONTUNMAP },
	{ NULL, 0 },
};

/* mremap ADDRESS OLD NEW FLAGS [TO] */
static void do_mremap(struct step *step)
{
	system_call(step, SYS_mremap, address_at(step, 1), length_at(step, 2), length_at(step, 3),
		    flags_of(step->words[4], mremap_flags), step->nr_words > 5 ? address_at(step, 5) : 0, 0);
	uint64_t moved = step->box->result;
	if (step->box->result != -1 && (moved < ARENA_START || moved >= ARENA_END))
		layout.last_mapping = moved;
}

/* brk PAGES: from the initial break */
static void do_brk(struct step *step)
{
	system_call(step, SYS_brk, layout.initial_brk + atol(step->words[1]) * PAGE, 0, 0, 0, 0, 0);
}

static void do_mseal(struct step *step)
{
	system_call(step, SYS_mseal, address_at(step, 1), length_at(step, 2), 0, 0, 0, 0);
}

/* ---- advice, locks ---- */

static void do_madvise(struct step *step)
{
	system_call(step, SYS_madvise, address_at(step, 1), length_at(step, 2), parse_advice(step->words[3]), 0, 0,
		    0);
}

static int find_process(const char *name)
{
	for (int i = 0; i < nr_processes; i++)
		if (strcmp(processes[i].name, name) == 0)
			return i;
	die(EXIT_BAD_SCRIPT, "there is no process \"%s\"", name);
}

/* pmadvise PROCESS ADDRESS PAGES ADVICE */
static void do_pmadvise(struct step *step)
{
	pid_t target = processes[find_process(step->words[1])].pid;
	order(step, ORDER_PMADVISE, target, address_at(step, 2), length_at(step, 3), parse_advice(step->words[4]));
}

static void do_mlock(struct step *step)
{
	system_call(step, SYS_mlock, address_at(step, 1), length_at(step, 2), 0, 0, 0, 0);
}

static void do_mlock2(struct step *step)
{
	system_call(step, SYS_mlock2, address_at(step, 1), length_at(step, 2), list_has(step->words[3], "onfault"), 0,
		    0, 0);
}

static void do_munlock(struct step *step)
{
	system_call(step, SYS_munlock, address_at(step, 1), length_at(step, 2), 0, 0, 0, 0);
}

static const struct flag mlockall_flags[] = {
	{ "current", MCL_CURRENT }, { "future", MCL_FUTURE }, { "onfault", MCL_ONFAULT }, { NULL, 0 },
};

static void do_mlockall(struct step *step)
{
	step->counts_faults = false;
	system_call(step, SYS_mlockall, flags_of(step->words[1], mlockall_flags), 0, 0, 0, 0, 0);
}

static void do_munlockall(struct step *step)
{
	system_call(step, SYS_munlockall, 0, 0, 0, 0, 0, 0);
}

static const struct flag msync_flags[] = {
	{ "sync", MS_SYNC }, { "async", MS_ASYNC }, { "invalidate", MS_INVALIDATE }, { NULL, 0 },
};

static void do_msync(struct step *step)
{
	system_call(step, SYS_msync, address_at(step, 1), length_at(step, 2), flags_of(step->words[3], msync_flags),
		    0, 0, 0);
}

static void do_mincore(struct step *step)
{
	long length = length_at(step, 2);
	if (length > MAX_RESIDENCY * (long)PAGE)
		die(EXIT_BAD_SCRIPT, "mincore takes at most %d pages", MAX_RESIDENCY);
	order(step, ORDER_MINCORE, address_at(step, 1), length, 0, 0);
}

/* mbind ADDRESS PAGES POLICY NODES FLAGS: numbers as in <linux/mempolicy.h> */
static void do_mbind(struct step *step)
{
	unsigned long *mask = &step->box->memory.node_mask;
	*mask = strtoul(step->words[4], NULL, 0);
	system_call(step, SYS_mbind, address_at(step, 1), length_at(step, 2), atoi(step->words[3]), (long)mask, 64,
		    atoi(step->words[5]));
}

/* set_mempolicy POLICY NODES */
static void do_set_mempolicy(struct step *step)
{
	unsigned long *mask = &step->box->memory.node_mask;
	*mask = strtoul(step->words[2], NULL, 0);
	system_call(step, SYS_set_mempolicy, atoi(step->words[1]), (long)mask, 64, 0, 0, 0);
}

/* ---- accesses ---- */

/* read ADDRESS [PAGES [STRIDE]] */
static void do_read(struct step *step)
{
	order(step, ORDER_READ, address_at(step, 1), number_or(step, 2, 1), number_or(step, 3, 1), 0);
}

/* write ADDRESS [VALUE [PAGES [STRIDE]]] */
static void do_write(struct step *step)
{
	order(step, ORDER_WRITE, address_at(step, 1), number_or(step, 3, 1), number_or(step, 4, 1),
	      number_or(step, 2, 1));
}

static void do_exec(struct step *step)
{
	order(step, ORDER_JUMP, address_at(step, 1), 0, 0, 0);
}

/* ---- processes ---- */

static void do_fork(struct step *step)
{
	step->counts_faults = false;
	if (nr_processes == MAX_PROCESSES || strlen(step->words[1]) >= sizeof processes->name)
		die(EXIT_BAD_SCRIPT, "at most %d processes, with names of at most 15 letters", MAX_PROCESSES);
	int index = nr_processes++;
	struct process *child = &processes[index];
	strcpy(child->name, step->words[1]);
	order(step, ORDER_FORK, index, 0, 0, 0);
	if (step->result == 0 && step->box->error == 0) {
		child->pid = step->box->result;
		child->is_alive = true;
		await_answer(index);
		memcpy(child->base, processes[current].base, sizeof child->base);
		step->box->result = 0; /* pids are not the script's */
	}
}

static void do_on(struct step *step)
{
	current = find_process(step->words[1]);
}

static void do_exit(struct step *step)
{
	order(step, ORDER_EXIT, atol(step->words[1]), 0, 0, 0);
}

static void do_wait(struct step *step)
{
	order(step, ORDER_WAIT, 0, 0, 0, 0);
	if (step->box->result > 0)
		step->box->result = 0;
}

/* ---- files ---- */

static void do_ftruncate(struct step *step)
{
	system_call(step, SYS_ftruncate, fd_at(step, 1), length_at(step, 2), 0, 0, 0, 0);
}

static void do_fsync(struct step *step)
{
	system_call(step, SYS_fsync, fd_at(step, 1), 0, 0, 0, 0, 0);
}

static const struct flag fadvise_flags[] = {
	{ "random", 1 }, { "sequential", 2 }, { "willneed", 3 }, { "dontneed", 4 }, { NULL, 0 },
};

/* fadvise FILE OFFSET PAGES ADVICE */
static void do_fadvise(struct step *step)
{
	system_call(step, SYS_fadvise64, fd_at(step, 1), atol(step->words[2]) * PAGE, atol(step->words[3]) * PAGE,
		    flags_of(step->words[4], fadvise_flags), 0, 0);
}

/* punch FILE OFFSET PAGES */
static void do_punch(struct step *step)
{
	system_call(step, SYS_fallocate, fd_at(step, 1), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		    atol(step->words[2]) * PAGE, atol(step->words[3]) * PAGE, 0, 0);
}

static void do_pread(struct step *step)
{
	order(step, ORDER_PREAD, fd_at(step, 1), length_at(step, 2), 0, 0);
}

/* pwrite FILE PAGE VALUE */
static void do_pwrite(struct step *step)
{
	order(step, ORDER_PWRITE, fd_at(step, 1), length_at(step, 2), atol(step->words[3]), 0);
}

/* ---- limits, settings of a process ---- */

static const struct flag limits[] = {
	{ "as", RLIMIT_AS }, { "memlock", RLIMIT_MEMLOCK }, { "stack", RLIMIT_STACK }, { "data", RLIMIT_DATA }, { NULL, 0 },
};

/* rlimit as|memlock|stack|data KB|+KB|inf: `+` counts from what the process has */
static void do_rlimit(struct step *step)
{
	const char *name = step->words[1], *value = step->words[2];
	int resource = flags_of(name, limits);
	long kb = atol(value);
	if (value[0] == '+' && resource == RLIMIT_AS)
		kb += read_status(processes[current].pid, "VmSize");
	if (value[0] == '+' && resource == RLIMIT_DATA)
		kb += read_status(processes[current].pid, "VmData");
	struct rlimit *limit = &step->box->memory.limit;
	limit->rlim_cur = limit->rlim_max = strcmp(value, "inf") == 0 ? RLIM_INFINITY : kb * 1024UL;
	system_call(step, SYS_prlimit64, 0, resource, (long)limit, 0, 0, 0);
}

/* Gives up root, and with it CAP_IPC_LOCK and the like. */
static void do_dropcaps(struct step *step)
{
	step->counts_faults = false;
	system_call(step, SYS_setresuid, NOBODY, NOBODY, NOBODY, 0, 0, 0);
}

static void do_prctl(struct step *step)
{
	system_call(step, SYS_prctl, atol(step->words[1]), number_or(step, 2, 0), number_or(step, 3, 0), 0, 0, 0);
}

static int write_proc(const struct step *step, const char *name)
{
	char path[64];
	sprintf(path, "/proc/%d/%s", processes[current].pid, name);
	return write_text(path, step->words[1]);
}

/*
 * The kernel clears the bits in the page table and need not flush the TLB for the accessed bit; as long as a
 * translation is cached, the processor does not set it again. So that the next access counts, the TLB goes.
 */
static void do_clear_refs(struct step *step)
{
	int result = write_proc(step, "clear_refs");
	order(step, ORDER_FLUSH_TLB, 0, 0, 0, 0);
	set_result(step, result);
}

static void do_oom_score_adj(struct step *step)
{
	set_result(step, write_proc(step, "oom_score_adj"));
}

/* ---- the driver's own ---- */

static void do_drain(struct step *step)
{
	(void)step;
	drain_lru();
}

static void do_sleep(struct step *step)
{
	usleep(atoi(step->words[1]) * 1000);
}

static void do_snap(struct step *step)
{
	if (!list_has(step->words[1], "nodrain"))
		drain_lru();
	printf("{\"l\":%d,\"p\":\"%s\"", current_line, processes[current].name);
	print_snapshot(&processes[current], step->words[1]);
	printf("}\n");
}

/* ---- the table ---- */

static const struct {
	const char *name;
	void (*run)(struct step *step);
	enum form form;
	int nr_words; /* least, with the name */
} operations[] = {
	{ "mmap", do_mmap, FORM_ADDRESS, 5 },
	{ "munmap", do_munmap, FORM_NUMBER, 3 },
	{ "mprotect", do_mprotect, FORM_NUMBER, 4 },
	{ "mremap", do_mremap, FORM_ADDRESS, 5 },
	{ "brk", do_brk, FORM_ADDRESS, 2 },
	{ "mseal", do_mseal, FORM_NUMBER, 3 },
	{ "madvise", do_madvise, FORM_NUMBER, 4 },
	{ "pmadvise", do_pmadvise, FORM_NUMBER, 5 },
	{ "mlock", do_mlock, FORM_NUMBER, 3 },
	{ "mlock2", do_mlock2, FORM_NUMBER, 3 },
	{ "munlock", do_munlock, FORM_NUMBER, 3 },
	{ "mlockall", do_mlockall, FORM_NUMBER, 2 },
	{ "munlockall", do_munlockall, FORM_NUMBER, 1 },
	{ "msync", do_msync, FORM_NUMBER, 4 },
	{ "mincore", do_mincore, FORM_VECTOR, 3 },
	{ "mbind", do_mbind, FORM_NUMBER, 6 },
	{ "set_mempolicy", do_set_mempolicy, FORM_NUMBER, 3 },
	{ "read", do_read, FORM_NUMBER, 2 },
	{ "write", do_write, FORM_DONE, 2 },
	{ "exec", do_exec, FORM_NUMBER, 2 },
	{ "fork", do_fork, FORM_NUMBER, 2 },
	{ "on", do_on, FORM_SILENT, 2 },
	{ "exit", do_exit, FORM_EXIT, 2 },
	{ "wait", do_wait, FORM_WAIT, 1 },
	{ "ftruncate", do_ftruncate, FORM_NUMBER, 3 },
	{ "fsync", do_fsync, FORM_NUMBER, 2 },
	{ "fadvise", do_fadvise, FORM_NUMBER, 5 },
	{ "punch", do_punch, FORM_NUMBER, 4 },
	{ "pread", do_pread, FORM_NUMBER, 3 },
	{ "pwrite", do_pwrite, FORM_NUMBER, 4 },
	{ "rlimit", do_rlimit, FORM_NUMBER, 3 },
	{ "dropcaps", do_dropcaps, FORM_NUMBER, 1 },
	{ "prctl", do_prctl, FORM_NUMBER, 2 },
	{ "clear_refs", do_clear_refs, FORM_NUMBER, 2 },
	{ "oom_score_adj", do_oom_score_adj, FORM_NUMBER, 2 },
	{ "drain", do_drain, FORM_SILENT, 1 },
	{ "sleep", do_sleep, FORM_SILENT, 2 },
	{ "snap", do_snap, FORM_SILENT, 2 },
};

/* ---- observations ---- */

static const char *signal_code_text(long signal, long code)
{
	if (signal == SIGSEGV) {
		if (code == SEGV_MAPERR)
			return "MAPERR";
		if (code == SEGV_ACCERR)
			return "ACCERR";
		return code == SEGV_PKUERR ? "PKUERR" : "?";
	}
	if (code == BUS_ADRERR)
		return "ADRERR";
	return code == BUS_MCEERR_AR ? "MCEERR" : "?";
}

static void print_signal(const struct mailbox *box)
{
	const char *name = box->signal == SIGSEGV ? "SIGSEGV" : box->signal == SIGBUS ? "SIGBUS" : "SIG?";
	printf(",\"sig\":\"%s\",\"code\":\"%s\",\"addr\":\"%s\"", name,
	       signal_code_text(box->signal, box->signal_code), address_text(box->signal_address));
}

static void print_vector(const struct mailbox *box)
{
	long nr_pages = (box->args[1] + PAGE - 1) / PAGE;
	printf(",\"vec\":\"");
	for (long i = 0; i < nr_pages; i++)
		putchar('0' + (box->residency[i] & 1));
	printf("\"");
}

static void print_outcome(const struct step *step, enum form form)
{
	const struct mailbox *box = step->box;
	if (box->signal != 0)
		print_signal(box);
	else if (box->error != 0)
		printf(",\"err\":\"%s\"", error_text(box->error));
	else if (form == FORM_ADDRESS)
		printf(",\"ret\":\"%s\"", address_text(box->result));
	else
		printf(",\"ret\":%ld", box->result);
	if (form == FORM_VECTOR && box->error == 0)
		print_vector(box);
	if (form == FORM_DONE && box->signal != 0)
		printf(",\"done\":%ld", box->extra);
	if (form == FORM_WAIT)
		printf(",\"wstatus\":%ld", box->extra);
	if (step->counts_faults)
		printf(",\"min\":%ld,\"maj\":%ld", box->minor_faults, box->major_faults);
}

static int split_words(char *text, char **words)
{
	int nr_words = 0;
	for (char *word = strtok(text, " \t"); word != NULL && nr_words < MAX_WORDS; word = strtok(NULL, " \t"))
		words[nr_words++] = word;
	for (int i = nr_words; i < MAX_WORDS; i++)
		words[i] = "";
	return nr_words;
}

static void run_operation(const char *text, char **words, int nr_words)
{
	size_t nr_operations = sizeof operations / sizeof operations[0];
	size_t n = 0;
	while (n < nr_operations && strcmp(operations[n].name, words[0]) != 0)
		n++;
	if (n == nr_operations)
		die(EXIT_BAD_SCRIPT, "unknown operation \"%s\"", words[0]);
	if (nr_words < operations[n].nr_words)
		die(EXIT_BAD_SCRIPT, "%s needs %d words after it", words[0], operations[n].nr_words - 1);
	struct step step = {
		.words = words, .nr_words = nr_words, .box = &mailboxes[current], .counts_faults = true,
	};
	int actor = current;
	operations[n].run(&step);
	enum form form = operations[n].form;
	if (form == FORM_SILENT)
		return;
	printf("{\"l\":%d,\"p\":\"%s\",\"op\":\"%s\"", current_line, processes[actor].name, text);
	if (step.result < 0)
		printf(form == FORM_EXIT ? ",\"exited\":1" : ",\"died\":1");
	else
		print_outcome(&step, form);
	printf("}\n");
	fflush(stdout);
}

/* sysctl KEY VALUE, sysfs PATH VALUE: of the machine, not of a process */
static void run_setting(const char *text, char **words)
{
	char now[96];
	int result;
	change_setting(words[1], words[2], now, sizeof now, &result);
	printf("{\"l\":%d,\"op\":\"%s\",\"r\":%d,\"now\":\"%s\"}\n", current_line, text, result, now);
}

void run_line(const char *line, int number)
{
	char text[1024], copy[1024];
	char *words[MAX_WORDS];
	current_line = number;
	snprintf(text, sizeof text, "%s", line);
	text[strcspn(text, "#\r\n")] = '\0';
	size_t length = strlen(text);
	while (length > 0 && text[length - 1] == ' ')
		text[--length] = '\0';
	strcpy(copy, text);
	int nr_words = split_words(copy, words);
	if (nr_words == 0)
		return;
	if (strpbrk(text, "\"\\") != NULL)
		die(EXIT_BAD_SCRIPT, "quotes and backslashes mean nothing here");
	if (strcmp(words[0], "file") == 0) {
		create_file(words, nr_words);
	} else if (strcmp(words[0], "sysctl") == 0 || strcmp(words[0], "sysfs") == 0) {
		run_setting(text, words);
	} else {
		if (nr_processes == 0)
			start_first_subject();
		run_operation(text, words, nr_words);
	}
}
