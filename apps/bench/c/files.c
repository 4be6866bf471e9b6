/*
 * The host kernel's own page cache, for the cases of cases/files.ts: a file that is cached whole is read or written again and
 * again; dirty pages are made durable; many small files are made. The file lies in the directory that TMPDIR names, or /tmp.
 * Time is the processor time of this process, in user mode and in the kernel.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096L

static char *buffer_of(long nr_bytes) {
  char *buffer = malloc((size_t)nr_bytes);
  if (buffer == NULL) fail("no memory for a buffer");
  for (long at = 0; at < nr_bytes; at++) buffer[at] = (char)(at * 7);
  return buffer;
}

static const char *directory(void) {
  const char *name = getenv("TMPDIR");
  return name == NULL || *name == 0 ? "/tmp" : name;
}

static int scratch_file(void) {
  char path[4096];
  snprintf(path, sizeof path, "%s/pageframe-bench-XXXXXX", directory());
  int fd = mkstemp(path);
  if (fd < 0) fail("no file can be made in TMPDIR");
  unlink(path);
  return fd;
}

static void write_all(int fd, const char *buffer, long nr_bytes, long block) {
  for (long at = 0; at < nr_bytes; at += block) {
    if (pwrite(fd, buffer, (size_t)block, at) != block) fail("pwrite failed: is the disk full?");
  }
}

static void cached(long nr_pages, long nr_rounds, int is_write) {
  const long block = 32 * PAGE;
  long nr_bytes = nr_pages * PAGE;
  char *buffer = buffer_of(block);
  int fd = scratch_file();
  write_all(fd, buffer, nr_bytes, block);
  double seconds = 0;
  for (long round = -2; round < nr_rounds; round++) {
    double start = cpu_seconds();
    if (is_write) {
      write_all(fd, buffer, nr_bytes, block);
    } else {
      for (long at = 0; at < nr_bytes; at += block) {
        if (pread(fd, buffer, (size_t)block, at) != block) fail("pread failed");
      }
    }
    if (round >= 0) seconds += cpu_seconds() - start;
  }
  begin_result(nr_rounds * nr_bytes, seconds);
  add_check("nrPages", nr_pages, 1);
}

static void write_back(long nr_pages, long nr_rounds) {
  char *buffer = buffer_of(32 * PAGE);
  int fd = scratch_file();
  double seconds = 0;
  for (long round = 0; round < nr_rounds; round++) {
    for (long page = 0; page < nr_pages; page++) {
      if (pwrite(fd, buffer, PAGE, page * PAGE) != PAGE) fail("pwrite failed: is the disk full?");
    }
    double start = cpu_seconds();
    if (fsync(fd) != 0) fail("fsync failed");
    seconds += cpu_seconds() - start;
  }
  begin_result(nr_rounds * nr_pages, seconds);
  add_check("nrPages", nr_pages, 1);
}

static void small_files(long nr_files) {
  char folder[4096];
  char path[4200];
  snprintf(folder, sizeof folder, "%s/pageframe-bench-XXXXXX", directory());
  if (mkdtemp(folder) == NULL) fail("no directory can be made in TMPDIR");
  double start = cpu_seconds();
  for (long nr = 0; nr < nr_files; nr++) {
    snprintf(path, sizeof path, "%s/file-%ld", folder, nr);
    int fd = open(path, O_RDWR | O_CREAT, 0644);
    if (fd < 0 || pwrite(fd, "x", 1, 0) != 1) fail("a small file cannot be written");
    close(fd);
  }
  double seconds = cpu_seconds() - start;
  for (long nr = 0; nr < nr_files; nr++) {
    snprintf(path, sizeof path, "%s/file-%ld", folder, nr);
    unlink(path);
  }
  rmdir(folder);
  begin_result(nr_files, seconds);
  add_check("nrFiles", nr_files, 1);
}

int main(int argc, char **argv) {
  if (argc != 4) fail("usage: files read|write|writeback|small SIZE ROUNDS");
  long size = atol(argv[2]);
  long nr_rounds = atol(argv[3]);
  if (strcmp(argv[1], "read") == 0) cached(size, nr_rounds, 0);
  else if (strcmp(argv[1], "write") == 0) cached(size, nr_rounds, 1);
  else if (strcmp(argv[1], "writeback") == 0) write_back(size, nr_rounds);
  else if (strcmp(argv[1], "small") == 0) small_files(size);
  else fail("usage: files read|write|writeback|small SIZE ROUNDS");
  return 0;
}
