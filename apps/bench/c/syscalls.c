/*
 * The host kernel's own memory system calls, for the cases of cases/syscalls.ts: the same calls in the same order.
 * Time is the processor time of this process, in user mode and in the kernel.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define MAX_MAP_COUNT "/proc/sys/vm/max_map_count"

static char *map_pages(unsigned long nr_pages, int prot) {
  char *address = mmap(NULL, nr_pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) fail("mmap failed: is there too little memory, or vm.max_map_count too low?");
  return address;
}

static void unmap_pages(char *address, unsigned long nr_pages) {
  if (munmap(address, nr_pages * PAGE) != 0) fail("munmap failed");
}

static void write_pages(char *address, long nr_pages) {
  for (long page = 0; page < nr_pages; page++) ((volatile char *)address)[page * PAGE] = 1;
}

/* Maps without transparent huge pages, which would answer 512 faults with one. */
static char *map_small_pages(long nr_pages) {
  char *address = map_pages((unsigned long)nr_pages, PROT_READ | PROT_WRITE);
  madvise(address, (size_t)nr_pages * PAGE, MADV_NOHUGEPAGE);
  return address;
}

static void mmap_munmap(long nr_pages, long nr_rounds) {
  double seconds = 0;
  for (long round = -nr_rounds / 4; round < nr_rounds; round++) {
    if (round == 0) seconds = cpu_seconds();
    unmap_pages(map_pages((unsigned long)nr_pages, PROT_READ | PROT_WRITE), (unsigned long)nr_pages);
  }
  begin_result(nr_rounds, cpu_seconds() - seconds);
  add_check("nrPages", nr_pages, 1);
}

static long minor_faults(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

static void fault(long nr_pages, long nr_rounds) {
  double seconds = 0;
  long nr_faults = 0;
  /* Their first calls fault themselves: on the library's and the clock's pages. */
  minor_faults();
  cpu_seconds();
  for (long round = -2; round < nr_rounds; round++) {
    char *address = map_small_pages(nr_pages);
    long before = minor_faults();
    double start = cpu_seconds();
    write_pages(address, nr_pages);
    if (round >= 0) seconds += cpu_seconds() - start;
    nr_faults += minor_faults() - before;
    unmap_pages(address, (unsigned long)nr_pages);
  }
  begin_result(nr_rounds * nr_pages, seconds);
  add_check("minorFaults", nr_faults, 1);
}

static void fork_pages(long nr_pages, long nr_rounds) {
  char *address = map_small_pages(nr_pages);
  write_pages(address, nr_pages);
  double seconds = 0;
  for (long round = -2; round < nr_rounds; round++) {
    double start = cpu_seconds();
    pid_t child = fork();
    if (child == 0) _exit(0);
    if (child < 0) fail("fork failed");
    if (round >= 0) seconds += cpu_seconds() - start;
    waitpid(child, NULL, 0);
  }
  begin_result(nr_rounds * nr_pages, seconds);
  add_check("nrPages", nr_pages, 1);
}

static void protect(long nr_pages, long nr_rounds) {
  char *address = map_small_pages(nr_pages);
  write_pages(address, nr_pages);
  double start = 0;
  for (long round = -2; round < nr_rounds; round++) {
    if (round == 0) start = cpu_seconds();
    if (mprotect(address, (size_t)nr_pages * PAGE, PROT_READ) != 0) fail("mprotect failed");
    if (mprotect(address, (size_t)nr_pages * PAGE, PROT_READ | PROT_WRITE) != 0) fail("mprotect failed");
  }
  begin_result(2 * nr_rounds * nr_pages, cpu_seconds() - start);
  add_check("nrPages", nr_pages, 1);
}

static long read_max_map_count(void) {
  FILE *file = fopen(MAX_MAP_COUNT, "r");
  long value = 0;
  if (file == NULL || fscanf(file, "%ld", &value) != 1) fail(MAX_MAP_COUNT " cannot be read");
  fclose(file);
  return value;
}

static void write_max_map_count(long value) {
  FILE *file = fopen(MAX_MAP_COUNT, "w");
  if (file == NULL || fprintf(file, "%ld", value) < 0 || fclose(file) != 0) {
    fail(MAX_MAP_COUNT " cannot be raised for this case: run it as root");
  }
}

/*
 * One page each, with rights that differ from the neighbour's, so that none merge; then every other one goes, the holes
 * are filled again, and all go.
 */
static void many_vmas(long nr_vmas) {
  long before = read_max_map_count();
  if (before < nr_vmas + 1000) write_max_map_count(nr_vmas + 1000);
  char **addresses = malloc((size_t)nr_vmas * sizeof *addresses);
  double start = cpu_seconds();
  for (long at = 0; at < nr_vmas; at++) addresses[at] = map_pages(1, at % 2 ? PROT_READ : PROT_NONE);
  for (long at = 0; at < nr_vmas; at += 2) unmap_pages(addresses[at], 1);
  long nr_refilled = 0;
  for (long at = 0; at < nr_vmas; at += 2) {
    addresses[at] = map_pages(1, PROT_NONE);
    nr_refilled += addresses[at] > addresses[nr_vmas - 1];
  }
  for (long at = 0; at < nr_vmas; at++) unmap_pages(addresses[at], 1);
  double seconds = cpu_seconds() - start;
  if (before < nr_vmas + 1000) write_max_map_count(before);
  begin_result(3 * nr_vmas, seconds);
  add_check("nrRefilled", nr_refilled, 1);
}

int main(int nr_arguments, char **arguments) {
  if (nr_arguments != 4) fail("usage: syscalls mmap-munmap|fault|fork|mprotect|vmas SIZE ROUNDS");
  long size = atol(arguments[2]), nr_rounds = atol(arguments[3]);
  if (!strcmp(arguments[1], "mmap-munmap")) mmap_munmap(size, nr_rounds);
  else if (!strcmp(arguments[1], "fault")) fault(size, nr_rounds);
  else if (!strcmp(arguments[1], "fork")) fork_pages(size, nr_rounds);
  else if (!strcmp(arguments[1], "mprotect")) protect(size, nr_rounds);
  else if (!strcmp(arguments[1], "vmas")) many_vmas(size);
  else fail("unknown work");
  return 0;
}
