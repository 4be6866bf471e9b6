/* The program of glibc-2.36.json.gz: gcc -O1 -fno-builtin -pthread, run under strace -f and setarch -R. ops.h holds the
 * operations as { letter, slot, bytes, alignment }: m malloc, c calloc, f free, r realloc, a memalign, t malloc_trim; T starts a
 * thread that goes on up to J. getppid() marks begin and end. Nothing is written to the memory, so what is resident of the
 * heap in the end is what malloc itself wrote to. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
struct op { char c; int s; long a, b; };
static struct op ops[] = {
#include "ops.h"
};
static void *slot[4096];
static struct mallinfo2 infos[4096];
#define N (sizeof ops / sizeof *ops)
static unsigned run(unsigned i);
static void *worker(void *p) { return (void *)(long)run((unsigned)(long)p); }
/* KiB of the heap that are in memory. */
static long heap_anon(void) {
  static char text[1 << 18];
  long length = 0, got;
  int file = open("/proc/self/smaps", O_RDONLY);
  while ((got = read(file, text + length, sizeof text - 1 - length)) > 0) length += got;
  text[length] = 0;
  close(file);
  char *heap = strstr(text, "[heap]"), *anon = heap ? strstr(heap, "Anonymous:") : 0;
  return anon ? atol(anon + 10) : 0;
}
static unsigned run(unsigned i) {
  for (; i < N; i++) {
    struct op *o = &ops[i];
    if (o->c == 'J') return i;
    if (o->c == 'T') {
      pthread_t thread;
      void *end;
      pthread_create(&thread, 0, worker, (void *)(long)(i + 1));
      pthread_join(thread, &end);
      i = (unsigned)(long)end;
      infos[i] = mallinfo2();
      continue;
    }
    switch (o->c) {
      case 'm': slot[o->s] = malloc(o->a); break;
      case 'c': slot[o->s] = calloc(1, o->a); break;
      case 'f': free(slot[o->s]); slot[o->s] = 0; break;
      case 'r': slot[o->s] = realloc(slot[o->s], o->a); break;
      case 'a': slot[o->s] = memalign(o->b, o->a); break;
      case 't': malloc_trim(o->a); break;
    }
    infos[i] = mallinfo2();
  }
  return i;
}
int main(void) {
  syscall(SYS_getppid);
  run(0);
  syscall(SYS_getppid);
  long anon = heap_anon();
  for (unsigned k = 0; k < N; k++) {
    struct mallinfo2 *m = &infos[k];
    printf("%zu %zu %zu %zu %zu %zu %zu %zu %zu\n", m->arena, m->ordblks, m->smblks, m->hblks, m->hblkhd, m->fsmblks,
           m->uordblks, m->fordblks, m->keepcost);
  }
  printf("%ld\n", anon);
}
