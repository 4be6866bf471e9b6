/* What the C programs share: the clock, and the line of JSON that they print. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Processor time of this process, in seconds. */
static double cpu_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Ends the program with a sentence about what is wrong. */
static void fail(const char *sentence) {
  fprintf(stderr, "%s\n", sentence);
  exit(1);
}

static void begin_result(long nr_operations, double seconds) {
  printf("{\"operations\":%ld,\"seconds\":%.9f,\"checks\":{", nr_operations, seconds);
}

static void add_check(const char *name, int64_t value, int is_last) {
  printf("\"%s\":%" PRId64 "%s", name, value, is_last ? "}}\n" : ",");
}
