/*
 * A bare buddy allocator: one zone, free lists by order, nothing else. No watermarks, per-CPU lists, migratetypes or
 * counters, so it does less than what it is compared with.
 *
 * Usage: buddy pairs|mixed|fill NR_WARM_UP NR_OPERATIONS
 *   pairs   an operation takes a page and gives it back
 *   mixed   an operation gives back one block of a window of NR_FRAMES / 4 blocks and takes another; orders 0 to 3
 *   fill    an operation takes a page, and gives it back when 63 / 64 of all pages are taken
 * The number of frames is given to the compiler: with -DNR_FRAMES=...
 */
#include "bench.h"

#define MAX_ORDER 10
#define NO_FRAME (-1)
#define NOT_FREE (-1)

#ifndef NR_FRAMES
#define NR_FRAMES (4 << 20)
#endif
#define WINDOW_SIZE (NR_FRAMES / 4)

/* Circular lists; the head of an order's list is row NR_FRAMES + order. */
static int32_t next_free[NR_FRAMES + MAX_ORDER + 1], prev_free[NR_FRAMES + MAX_ORDER + 1];
/* Order of the free block that begins here, or NOT_FREE. */
static int8_t free_order[NR_FRAMES];
static int64_t nr_free_pages;
static uint32_t random_state;

static inline void push(int order, int frame) {
  int head = NR_FRAMES + order, first = next_free[head];
  next_free[frame] = first;
  prev_free[frame] = head;
  prev_free[first] = frame;
  next_free[head] = frame;
  free_order[frame] = (int8_t)order;
}

static inline void take_off(int frame) {
  int before = prev_free[frame], after = next_free[frame];
  next_free[before] = after;
  prev_free[after] = before;
  free_order[frame] = NOT_FREE;
}

static int alloc_block(int order) {
  int found = order;
  while (found <= MAX_ORDER && next_free[NR_FRAMES + found] == NR_FRAMES + found) found++;
  if (found > MAX_ORDER) return NO_FRAME;
  int frame = next_free[NR_FRAMES + found];
  take_off(frame);
  while (found > order) {
    found--;
    push(found, frame + (1 << found));
  }
  nr_free_pages -= 1 << order;
  return frame;
}

static void free_block(int frame, int order) {
  nr_free_pages += 1 << order;
  while (order < MAX_ORDER) {
    int buddy = frame ^ (1 << order);
    if (free_order[buddy] != order) break;
    take_off(buddy);
    frame &= buddy;
    order++;
  }
  push(order, frame);
}

static void set_up(void) {
  memset(free_order, NOT_FREE, sizeof free_order);
  for (int order = 0; order <= MAX_ORDER; order++) {
    next_free[NR_FRAMES + order] = prev_free[NR_FRAMES + order] = NR_FRAMES + order;
  }
  for (int frame = NR_FRAMES - (1 << MAX_ORDER); frame >= 0; frame -= 1 << MAX_ORDER) push(MAX_ORDER, frame);
  nr_free_pages = NR_FRAMES;
}

static int64_t nr_largest_blocks(void) {
  int64_t nr_blocks = 0;
  int head = NR_FRAMES + MAX_ORDER;
  for (int frame = next_free[head]; frame != head; frame = next_free[frame]) nr_blocks++;
  return nr_blocks;
}

/* Marsaglia's xorshift with 13, 17, 5. */
static inline uint32_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state;
}

static inline int random_order(void) {
  int order = __builtin_ctz(next_random() | 256);
  return order > 3 ? 0 : order;
}

/* Returns how many allocations failed. */
static int64_t pairs(long nr_pairs) {
  int64_t nr_failed = 0;
  for (long pair = 0; pair < nr_pairs; pair++) {
    int frame = alloc_block(0);
    nr_failed += frame == NO_FRAME;
    free_block(frame, 0);
  }
  return nr_failed;
}

static int32_t window_frames[WINDOW_SIZE];
static int8_t window_orders[WINDOW_SIZE];

static inline int refill(int slot) {
  int order = random_order();
  window_frames[slot] = alloc_block(order);
  window_orders[slot] = (int8_t)order;
  return order;
}

static void open_window(void) {
  random_state = 12345;
  for (int slot = 0; slot < WINDOW_SIZE; slot++) refill(slot);
}

/* Returns the pages taken. */
static int64_t mixed(long nr_operations) {
  int64_t nr_pages = 0;
  for (long operation = 0; operation < nr_operations; operation++) {
    int slot = (int)(next_random() & (WINDOW_SIZE - 1));
    if (window_frames[slot] != NO_FRAME) free_block(window_frames[slot], window_orders[slot]);
    nr_pages += 1 << refill(slot);
  }
  return nr_pages;
}

static void close_window(void) {
  for (int slot = 0; slot < WINDOW_SIZE; slot++) {
    if (window_frames[slot] != NO_FRAME) free_block(window_frames[slot], window_orders[slot]);
  }
}

/* Returns the pages taken. */
static int64_t fill_and_drain(long nr_pages) {
  static int32_t taken[NR_FRAMES];
  int64_t nr_taken = 0;
  const long most = NR_FRAMES - NR_FRAMES / 64;
  while (nr_taken < nr_pages) {
    long nr_round = 0;
    while (nr_round < most) {
      int frame = alloc_block(0);
      if (frame == NO_FRAME) fail("no page is left too early");
      taken[nr_round++] = frame;
    }
    for (long at = 0; at < nr_round; at++) free_block(taken[at], 0);
    nr_taken += nr_round;
  }
  return nr_taken;
}

int main(int nr_arguments, char **arguments) {
  if (nr_arguments != 4) fail("usage: buddy pairs|mixed|fill NR_WARM_UP NR_OPERATIONS");
  const char *work = arguments[1];
  long nr_warm_up = atol(arguments[2]), nr_operations = atol(arguments[3]);
  set_up();
  int64_t count, nr_free_between = 0;
  double seconds;
  const char *counted;
  if (strcmp(work, "pairs") == 0) {
    counted = "nrFailed";
    pairs(nr_warm_up);
    double start = cpu_seconds();
    count = pairs(nr_operations);
    seconds = cpu_seconds() - start;
    nr_free_between = nr_free_pages;
  } else if (strcmp(work, "mixed") == 0) {
    counted = "nrPagesTaken";
    open_window();
    mixed(nr_warm_up);
    double start = cpu_seconds();
    count = mixed(nr_operations);
    seconds = cpu_seconds() - start;
    nr_free_between = nr_free_pages;
    close_window();
  } else {
    counted = "nrPagesTaken";
    fill_and_drain(nr_warm_up);
    double start = cpu_seconds();
    count = fill_and_drain(nr_operations);
    seconds = cpu_seconds() - start;
    nr_free_between = nr_free_pages;
    nr_operations = (long)count;
  }
  begin_result(nr_operations, seconds);
  add_check(counted, count, 0);
  add_check("nrFreePages", nr_free_between, 0);
  add_check("nrLargestBlocks", nr_largest_blocks(), 1);
  return 0;
}
