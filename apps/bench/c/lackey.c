/*
 * Parses the access lines of lackey's text and counts them; checks nothing and keeps nothing, so it does less than what
 * it is compared with.
 *
 * Usage: lackey FILE NR_WARM_UP_PASSES NR_PASSES
 */
#include "bench.h"

#define CHUNK_BYTES (1 << 20)
#define LONGEST_LINE 256

static signed char digit_values[256];
static int64_t nr_lines, nr_reads, nr_writes, nr_fetches, nr_splits;
/* Sum of the page numbers accessed, modulo 2^32. */
static uint32_t page_sum;

/* Parses whole lines. */
static void parse(const char *at, const char *end) {
  while (at < end) {
    nr_lines++;
    if (*at != 'I' && *at != ' ') {
      while (*at++ != '\n');
      continue;
    }
    if (*at == 'I') nr_fetches++;
    else if (at[1] == 'L') nr_reads++;
    else nr_writes++;
    at += 3;
    uint64_t address = 0;
    int digit;
    while ((digit = digit_values[(unsigned char)*at++]) >= 0) address = (address << 4) | (uint64_t)digit;
    uint64_t nr_bytes = 0;
    while (*at != '\n') nr_bytes = nr_bytes * 10 + (uint64_t)(*at++ - '0');
    at++;
    uint32_t page = (uint32_t)(address >> 12);
    page_sum += page;
    if ((address & 4095) + nr_bytes > 4096) {
      nr_splits++;
      page_sum += page + 1;
    }
  }
}

static void read_file(FILE *file) {
  static char buffer[CHUNK_BYTES + LONGEST_LINE];
  size_t nr_kept = 0, nr_read;
  rewind(file);
  nr_lines = nr_reads = nr_writes = nr_fetches = nr_splits = 0;
  page_sum = 0;
  while ((nr_read = fread(buffer + nr_kept, 1, CHUNK_BYTES - nr_kept, file)) > 0) {
    size_t nr_bytes = nr_kept + nr_read, nr_whole = nr_bytes;
    while (nr_whole > 0 && buffer[nr_whole - 1] != '\n') nr_whole--;
    parse(buffer, buffer + nr_whole);
    nr_kept = nr_bytes - nr_whole;
    memmove(buffer, buffer + nr_whole, nr_kept);
  }
}

int main(int nr_arguments, char **arguments) {
  if (nr_arguments != 4) fail("usage: lackey FILE NR_WARM_UP_PASSES NR_PASSES");
  FILE *file = fopen(arguments[1], "rb");
  if (file == NULL) fail("the text cannot be opened");
  memset(digit_values, -1, sizeof digit_values);
  for (int digit = 0; digit < 16; digit++) digit_values[(unsigned char)"0123456789abcdef"[digit]] = (signed char)digit;
  long nr_warm_up = atol(arguments[2]), nr_passes = atol(arguments[3]);
  for (long pass = 0; pass < nr_warm_up; pass++) read_file(file);
  double start = cpu_seconds();
  for (long pass = 0; pass < nr_passes; pass++) read_file(file);
  double seconds = cpu_seconds() - start;
  begin_result(nr_lines * nr_passes, seconds);
  add_check("nrLines", nr_lines, 0);
  add_check("nrReads", nr_reads, 0);
  add_check("nrWrites", nr_writes, 0);
  add_check("nrFetches", nr_fetches, 0);
  add_check("nrSplits", nr_splits, 0);
  add_check("pageSum", page_sum, 1);
  return 0;
}
