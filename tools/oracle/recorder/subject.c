/*
 * The subject: a process that obeys. Nothing here may call the C library but sigsetjmp and siglongjmp, which touch no
 * memory but the buffer they get.
 */
#define _GNU_SOURCE
#include "recorder.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

#define NR_OWN_AREAS 32
#define STACK_TO_WARM 40960
#define HEAP_TO_SAVE (1 << 18)
#define EXIT_STRAY_SIGNAL 99
#define MAX_ERRNO 4095

/* Bounds of the writable data of this program, from the linker. */
extern char __data_start[], _end[];

static volatile int self; /* index of this process */
static volatile bool may_fault;
static sigjmp_buf after_fault;
static char signal_stack[65536] __attribute__((aligned(4096)));
/* Mappings of this program's own file. fork() does not copy page tables of those that were never written to. */
static struct { uint64_t start, end; } own_areas[NR_OWN_AREAS];
static int nr_own_areas;

static long system_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 asm("r10") = d;
	register long r8 asm("r8") = e;
	register long r9 asm("r9") = f;
	long result;
	asm volatile("syscall"
		     : "=a"(result)
		     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		     : "rcx", "r11", "memory");
	return result;
}

/* Called by the driver, before it forks: subjects cannot read /proc without leaving traces. */
void remember_own_areas(void)
{
	static struct area areas[128];
	int nr_areas = read_areas(getpid(), areas, 128);
	for (int i = 0; i < nr_areas; i++) {
		const char *path = areas[i].path;
		if (strcmp(path, "[heap]") == 0)
			layout.heap_start = areas[i].start;
		/* Only this program is mapped from a file: it is static. */
		if (path[0] == '/' && strncmp(path, "/dev/", 5) != 0 && nr_own_areas < NR_OWN_AREAS) {
			own_areas[nr_own_areas].start = areas[i].start;
			own_areas[nr_own_areas++].end = areas[i].end;
		}
	}
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)context;
	struct mailbox *box = &mailboxes[self];
	box->signal = signal;
	box->signal_code = info->si_code;
	box->signal_address = (long)info->si_addr;
	if (!may_fault)
		system_call(SYS_exit_group, EXIT_STRAY_SIGNAL, 0, 0, 0, 0, 0);
	siglongjmp(after_fault, 1);
}

static void write_back(volatile char *byte)
{
	*byte = *byte;
}

/*
 * Touches every page that this program will ever need, writing where it may write: after a fork all of them are
 * write-protected, and their faults are to be over before the script goes on.
 */
static void __attribute__((noinline)) warm_up(void)
{
	volatile char stack[STACK_TO_WARM];
	for (unsigned i = 0; i < sizeof stack; i += 512)
		stack[i] = 0;
	for (int i = 0; i < NR_SCRATCH; i++)
		*(volatile char *)(SCRATCH_START + i * PAGE) = 1;
	for (unsigned i = 0; i < sizeof signal_stack; i += PAGE)
		((volatile char *)signal_stack)[i] = 0;
	/* The last byte of each page: the first page's first bytes may be read-only data. */
	uint64_t data = ((uint64_t)__data_start & ~(PAGE - 1)) + PAGE - 1;
	for (; data < (uint64_t)_end; data += PAGE)
		write_back((volatile char *)data);
	for (int i = 0; i < nr_own_areas; i++)
		for (uint64_t a = own_areas[i].start; a < own_areas[i].end; a += PAGE)
			(void)*(volatile char *)a;
	for (unsigned i = 0; i < MAX_PROCESSES * sizeof(struct mailbox); i += PAGE)
		write_back((volatile char *)mailboxes + i);
}

/* Takes a signal once, so that the code and the stack of that path are mapped too. */
static void warm_up_signals(void)
{
	volatile char *volatile nowhere = (volatile char *)8;
	may_fault = true;
	if (sigsetjmp(after_fault, 0) == 0)
		*nowhere = 1;
	may_fault = false;
}

/*
 * The heap came over fork, so its pages belong to an anon_vma that is the driver's too; Linux would not merge it with
 * what brk() adds. A fresh mapping with the same bytes is a heap as a program has that was never forked. The bytes
 * matter: the C library keeps the thread's own data there, which sigsetjmp reads.
 */
static void __attribute__((noinline)) refresh_heap(void)
{
	static long saved[HEAP_TO_SAVE / sizeof(long)];
	long start = layout.heap_start;
	long end = system_call(SYS_brk, 0, 0, 0, 0, 0, 0);
	long nr_used = layout.heap_used / sizeof(long);
	volatile long *heap = (volatile long *)start;
	for (long i = 0; i < nr_used; i++)
		saved[i] = heap[i];
	system_call(SYS_munmap, start, end - start, 0, 0, 0, 0);
	system_call(SYS_mmap, start, end - start, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	for (long i = 0; i < nr_used; i++)
		heap[i] = saved[i];
	/* The page table that the next pages of the heap will need is there from the start. */
	*(volatile char *)(end - 1) = 0;
}

static void answer(void)
{
	system_call(SYS_write, processes[self].answers[1], (long)&mailboxes[self].doorbell, 1, 0, 0, 0);
}

static void await_order(void)
{
	while (system_call(SYS_read, processes[self].orders[0], (long)&mailboxes[self].doorbell, 1, 0, 0, 0) != 1)
		;
}

static void clear_signal(void)
{
	struct mailbox *box = &mailboxes[self];
	box->signal = box->signal_code = box->signal_address = 0;
}

static long read_pages(const volatile long *args)
{
	const volatile unsigned char *bytes = (const volatile unsigned char *)args[0];
	long nr_pages = args[1], stride = args[2];
	uint64_t hash = 0;
	for (long n = 0; n < nr_pages; n++)
		hash = hash * 31 + bytes[n * stride * (long)PAGE];
	/* As a JSON number it has to be exact. */
	return nr_pages == 1 ? (long)hash : (long)(hash & 0x7fffffffffff);
}

static long write_pages(struct mailbox *box)
{
	volatile unsigned char *bytes = (volatile unsigned char *)box->args[0];
	long nr_pages = box->args[1], stride = box->args[2];
	for (long n = 0; n < nr_pages; n++) {
		bytes[n * stride * (long)PAGE] = (unsigned char)(box->args[3] + n);
		box->extra = n + 1;
	}
	return 0;
}

static long advise_process(const volatile long *args)
{
	struct iovec range = { (void *)args[1], args[2] };
	long fd = system_call(SYS_pidfd_open, args[0], 0, 0, 0, 0, 0);
	if (fd < 0)
		return fd;
	long result = system_call(SYS_process_madvise, fd, (long)&range, 1, args[3], 0, 0);
	system_call(SYS_close, fd, 0, 0, 0, 0, 0);
	return result;
}

/* Flushes of more than 33 pages drop everything: Linux flushes page by page below that (tlb_single_page_flush_ceiling). */
static long flush_tlb(void)
{
	system_call(SYS_mprotect, SCRATCH_START, NR_SCRATCH * PAGE, PROT_READ, 0, 0, 0);
	long result = system_call(SYS_mprotect, SCRATCH_START, NR_SCRATCH * PAGE, PROT_READ | PROT_WRITE, 0, 0, 0);
	for (int i = 0; i < NR_SCRATCH; i++)
		*(volatile char *)(SCRATCH_START + i * PAGE) = 1;
	return result;
}

/* Returns in both processes: the pid in the parent, 0 in the child, whose mailbox is another from then on. */
static long fork_subject(int child)
{
	may_fault = false;
	long pid = system_call(SYS_fork, 0, 0, 0, 0, 0, 0);
	if (pid == 0)
		self = child;
	warm_up();
	warm_up_signals();
	clear_signal();
	return pid;
}

static long obey(struct mailbox *box)
{
	const volatile long *args = box->args;
	switch (box->order) {
	case ORDER_SYSCALL:
		return system_call(box->number, args[0], args[1], args[2], args[3], args[4], args[5]);
	case ORDER_READ:
		return read_pages(args);
	case ORDER_WRITE:
		return write_pages(box);
	case ORDER_JUMP:
		((void (*)(void))args[0])();
		return 0;
	case ORDER_EXIT:
		return system_call(SYS_exit_group, args[0], 0, 0, 0, 0, 0);
	case ORDER_WAIT: {
		long pid = system_call(SYS_wait4, -1, (long)&box->memory.wait_status, 0, 0, 0, 0);
		box->extra = box->memory.wait_status;
		return pid;
	}
	case ORDER_MINCORE:
		return system_call(SYS_mincore, args[0], args[1], (long)box->residency, 0, 0, 0);
	case ORDER_PMADVISE:
		return advise_process(args);
	case ORDER_PREAD: {
		long result = system_call(SYS_pread64, args[0], (long)&box->memory.byte, 1, args[1], 0, 0);
		return result == 1 ? (unsigned char)box->memory.byte : result;
	}
	case ORDER_PWRITE:
		box->memory.byte = (char)args[2];
		return system_call(SYS_pwrite64, args[0], (long)&box->memory.byte, 1, args[1], 0, 0);
	case ORDER_FLUSH_TLB:
		return flush_tlb();
	case ORDER_FORK:
		break; /* not here: the child would return into a frame of its parent */
	}
	return 0;
}

/* Obeys one order between two looks at the fault counters. */
static void __attribute__((noinline)) obey_and_count(void)
{
	struct mailbox *box = &mailboxes[self];
	clear_signal();
	box->error = box->result = box->extra = 0;
	system_call(SYS_getrusage, RUSAGE_SELF, (long)&box->before, 0, 0, 0, 0);
	volatile long result = 0;
	may_fault = true;
	if (sigsetjmp(after_fault, 0) == 0)
		result = obey(box);
	may_fault = false;
	system_call(SYS_getrusage, RUSAGE_SELF, (long)&box->after, 0, 0, 0, 0);
	box->result = result;
	if (result < 0 && result >= -MAX_ERRNO) {
		box->error = -result;
		box->result = -1;
	}
	box->minor_faults = box->after.ru_minflt - box->before.ru_minflt;
	box->major_faults = box->after.ru_majflt - box->before.ru_majflt;
}

static void install_handlers(void)
{
	stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof signal_stack };
	sigaltstack(&stack, NULL);
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGILL, &action, NULL);
}

void run_subject(int index)
{
	self = index;
	install_handlers();
	refresh_heap();
	system_call(SYS_mmap, SCRATCH_START, NR_SCRATCH * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0);
	warm_up();
	warm_up_signals();
	answer();
	for (;;) {
		await_order();
		if (mailboxes[self].order != ORDER_FORK) {
			obey_and_count();
		} else {
			int parent = self;
			long pid = fork_subject(mailboxes[parent].args[0]);
			if (self == parent) {
				mailboxes[self].error = pid < 0 ? -pid : 0;
				mailboxes[self].result = pid < 0 ? -1 : pid;
			}
		}
		answer();
	}
}
