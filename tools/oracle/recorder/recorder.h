/*
 * The recorder runs a script of memory operations on the kernel under it and prints what it observes.
 *
 * Two kinds of processes. The driver reads the script, tells subjects what to do and reads /proc. Subjects are forked
 * from it; their address spaces are what is observed. A subject does nothing but its orders: it makes system calls
 * without the C library, and every page that it needs for itself is mapped and written before it is first observed,
 * so that no fault, no counter and no page table of its own shows among those of the script.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define PAGE 4096UL
/* The arena: where a plain page number of a script points. It has a page of top-level page table to itself. */
#define ARENA_START 0x100000000000UL
#define ARENA_END 0x104000000000UL
/* Mailboxes, scratch pages and the driver's own memory: each in another slot of the top-level page table. */
#define MAILBOX_START 0x200000000000UL
#define SCRATCH_START 0x210000000000UL
#define DRIVER_START 0x220000000000UL
#define NR_SCRATCH 64

#define MAX_PROCESSES 16
#define MAX_FILES 16
#define MAX_WORDS 16
#define MAX_RESIDENCY 2048

/* Exit codes. */
#define EXIT_BAD_SCRIPT 2
#define EXIT_BAD_HOST 3

/* What a subject can be told to do. */
enum order {
	ORDER_SYSCALL = 1, /* make system call `number` with `args` */
	ORDER_READ,        /* hash the first bytes of args[1] pages from args[0], args[2] pages apart */
	ORDER_WRITE,       /* write args[3] + n there */
	ORDER_JUMP,        /* execute what is at args[0] */
	ORDER_FORK,        /* become two; the child answers in mailbox args[0] */
	ORDER_EXIT,        /* exit with args[0] */
	ORDER_WAIT,        /* wait for a child */
	ORDER_MINCORE,     /* mincore(args[0], args[1]) into `residency` */
	ORDER_PMADVISE,    /* process_madvise of pid args[0]: args[1], args[2] bytes, advice args[3] */
	ORDER_PREAD,       /* the byte at args[1] of file descriptor args[0] */
	ORDER_PWRITE,      /* write byte args[2] there */
	ORDER_FLUSH_TLB,   /* make the processor forget every translation of this address space */
};

/* An order and its outcome, in memory that driver and subject share. */
struct mailbox {
	volatile enum order order;
	volatile long number;
	volatile long args[6];

	volatile long result;
	volatile long error; /* errno, or 0 */
	volatile long signal;
	volatile long signal_code;
	volatile long signal_address;
	volatile long minor_faults;
	volatile long major_faults;
	volatile long extra; /* pages written before the signal; status that wait returned */

	struct rusage before, after;
	/* For system calls that take pointers: their memory must not lie where the script could touch it. */
	union {
		struct rlimit limit;
		unsigned long node_mask;
		char name[80];
		struct {
			char byte;
			int wait_status;
		};
	} memory;
	char doorbell; /* what is read from and written to the pipes */
	char residency[MAX_RESIDENCY];
};

/* A process of the script, as the driver sees it. */
struct process {
	char name[16];
	pid_t pid;
	bool is_alive;
	int orders[2];  /* pipe: driver to subject */
	int answers[2]; /* pipe: subject to driver */
	long base[16];  /* /proc/PID/status when P0 began, in the order of status_keys */
};

extern struct mailbox *mailboxes;
extern struct process processes[MAX_PROCESSES];
extern int nr_processes;

/* Where things lie in the address space of the subjects; 0 until known. */
struct layout {
	uint64_t heap_start;
	uint64_t heap_used;    /* bytes of it that the C library has taken before the first fork */
	uint64_t initial_brk;
	uint64_t mmap_top;     /* where the first un-hinted mapping of a page goes */
	uint64_t last_mapping; /* the last mapping that went where the kernel chose */
	uint64_t stack_bottom;
};
extern struct layout layout;

struct script_file {
	char name[16];
	char kind[8];
	char path[256]; /* of a memfd: the name that /proc/PID/maps shows */
	int fd;
};
extern struct script_file files[MAX_FILES];
extern int nr_files;

/* subject.c */
void run_subject(int index) __attribute__((noreturn));
void remember_own_areas(void);

/* driver.c */
int give_order(int index); /* 0, or -1 when the subject is gone */
int await_answer(int index);
void start_first_subject(void);
void end_subjects(void);
void drain_lru(void);
long read_status(pid_t pid, const char *key);

/* notation.c */
uint64_t parse_address(const char *word);
long parse_length(const char *word);
int parse_protection(const char *word);
int parse_advice(const char *word);
bool list_has(const char *list, const char *word);
/* The address in the notation of observations; the text lives until the eighth call after this. */
const char *address_text(uint64_t address);
const char *error_text(long error);

/* files.c */
void create_file(char **words, int nr_words);
struct script_file *find_file(const char *name);
const char *mapped_file_name(const char *path);
void remove_files(void);
void change_setting(const char *key, const char *value, char *now, size_t size, int *result);
void restore_settings(void);

/* proc.c */
struct area {
	uint64_t start, end, offset;
	char permissions[8];
	char path[200];
};
long read_text(const char *path, char *text, size_t size); /* length, or -1 */
int write_text(const char *path, const char *text);        /* 0 or -errno */
int read_areas(pid_t pid, struct area *areas, int most);
void snapshot_status_base(struct process *process);
void print_snapshot(const struct process *process, const char *parts);

/* operations.c */
void run_line(const char *text, int line);

/* machine.c */
int print_machine(void);

/* main.c */
void die(int exit_code, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
void *driver_memory(size_t size);
extern int current_line;

#endif
