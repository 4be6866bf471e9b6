/*
 * Translation as the processor does it, by the shortest way: a TLB of two levels (64 entries in 4 ways, 1536 in 12)
 * with exact LRU, a walk of four levels, accessed and dirty bits, a page mapped on its first fault. No PCIDs, large
 * pages, rights or walk caches.
 *
 * Usage: tlb STREAM NR_WARM_UP_PASSES NR_PASSES
 * STREAM holds 8 bytes an access: bits 0..44 virtual page number, bits 45..46 kind (1: write).
 */
#include "bench.h"

#define L1_SETS 16
#define L1_WAYS 4
#define L2_SETS 128
#define L2_WAYS 12

#define PTE_PRESENT 0x1u
#define PTE_ACCESSED 0x20u
#define PTE_DIRTY 0x40u
/* Present, writable, user. */
#define LEAF_FLAGS 0x7u
/* The same, accessed and dirty: what Linux writes for tables (_PAGE_TABLE). */
#define TABLE_FLAGS 0x67u

/* Tables get the frames below, data pages those from here on. */
#define FIRST_DATA_FRAME 8192

typedef struct {
  /* Virtual page number; all ones when empty. */
  uint64_t tag;
  uint32_t frame;
  uint32_t used_at;
  uint32_t is_dirty;
} entry;

static entry l1[L1_SETS * L1_WAYS], l2[L2_SETS * L2_WAYS];
static uint32_t clock_ticks;
static uint64_t *tables;
static uint32_t nr_tables = 1, next_data_frame = FIRST_DATA_FRAME;
static int64_t nr_l1_hits, nr_l2_hits, nr_walks, nr_faults, nr_dirty_assists;

/* Returns the leaf entry of a page after the walk has set its bits; maps the page when it is not there. */
static inline uint64_t walk(uint64_t vpn, int is_write) {
  uint64_t table = 0;
  for (int level = 3; level > 0; level--) {
    uint64_t *pointer = &tables[table * 512 + ((vpn >> (9 * level)) & 511)];
    if (!(*pointer & PTE_PRESENT)) {
      if (nr_tables == FIRST_DATA_FRAME) fail("too many tables");
      *pointer = ((uint64_t)nr_tables++ << 12) | TABLE_FLAGS;
    }
    if (!(*pointer & PTE_ACCESSED)) *pointer |= PTE_ACCESSED;
    table = *pointer >> 12;
  }
  uint64_t *leaf = &tables[table * 512 + (vpn & 511)];
  if (!(*leaf & PTE_PRESENT)) {
    nr_faults++;
    *leaf = ((uint64_t)next_data_frame++ << 12) | LEAF_FLAGS;
  }
  uint64_t seen = *leaf | PTE_ACCESSED | (is_write ? PTE_DIRTY : 0);
  if (seen != *leaf) *leaf = seen;
  return seen;
}

static inline entry *find(entry *set, int nr_ways, uint64_t vpn) {
  for (int way = 0; way < nr_ways; way++) {
    if (set[way].tag == vpn) return &set[way];
  }
  return NULL;
}

static inline entry *least_recent(entry *set, int nr_ways) {
  entry *victim = set;
  for (int way = 1; way < nr_ways; way++) {
    if (set[way].used_at < victim->used_at) victim = &set[way];
  }
  return victim;
}

/* A first write through a clean entry: the walk marks the page, and both levels learn of it. */
static void assist_dirty(entry *hit, uint64_t vpn) {
  nr_dirty_assists++;
  walk(vpn, 1);
  hit->is_dirty = 1;
  entry *same = find(&l2[(vpn & (L2_SETS - 1)) * L2_WAYS], L2_WAYS, vpn);
  if (same != NULL) same->is_dirty = 1;
}

static inline uint32_t translate(uint64_t vpn, int is_write) {
  uint32_t now = ++clock_ticks;
  entry *l1_set = &l1[(vpn & (L1_SETS - 1)) * L1_WAYS];
  entry *hit = find(l1_set, L1_WAYS, vpn);
  if (hit != NULL) {
    hit->used_at = now;
    nr_l1_hits++;
    if (is_write && !hit->is_dirty) assist_dirty(hit, vpn);
    return hit->frame;
  }
  entry *l2_set = &l2[(vpn & (L2_SETS - 1)) * L2_WAYS];
  hit = find(l2_set, L2_WAYS, vpn);
  if (hit != NULL) {
    nr_l2_hits++;
    if (is_write && !hit->is_dirty) assist_dirty(hit, vpn);
  } else {
    nr_walks++;
    uint64_t leaf = walk(vpn, is_write);
    hit = least_recent(l2_set, L2_WAYS);
    hit->tag = vpn;
    hit->frame = (uint32_t)(leaf >> 12);
    hit->is_dirty = (leaf & PTE_DIRTY) != 0;
  }
  hit->used_at = now;
  entry *filled = least_recent(l1_set, L1_WAYS);
  *filled = *hit;
  return filled->frame;
}

/* Sum of the frames, so that nothing is optimised away. */
static uint64_t pass(const uint64_t *accesses, long nr_accesses) {
  uint64_t sum = 0;
  for (long at = 0; at < nr_accesses; at++) {
    sum += translate(accesses[at] & 0x1fffffffffff, ((accesses[at] >> 45) & 3) == 1);
  }
  return sum;
}

/* FNV-1a over all words of all tables. */
static int64_t hash_of_tables(void) {
  uint32_t hash = 0x811c9dc5;
  const uint32_t *words = (const uint32_t *)tables;
  for (long at = 0; at < 1024L * nr_tables; at++) hash = (hash ^ words[at]) * 0x01000193;
  return hash;
}

int main(int nr_arguments, char **arguments) {
  if (nr_arguments != 4) fail("usage: tlb STREAM NR_WARM_UP_PASSES NR_PASSES");
  FILE *file = fopen(arguments[1], "rb");
  if (file == NULL) fail("the stream cannot be opened");
  fseek(file, 0, SEEK_END);
  long nr_accesses = ftell(file) / 8;
  rewind(file);
  uint64_t *accesses = malloc((size_t)nr_accesses * 8);
  long nr_warm_up = atol(arguments[2]), nr_passes = atol(arguments[3]);
  tables = calloc(FIRST_DATA_FRAME, 4096);
  if (accesses == NULL || tables == NULL) fail("out of memory");
  if (fread(accesses, 8, (size_t)nr_accesses, file) != (size_t)nr_accesses) fail("the stream cannot be read");
  for (int at = 0; at < L1_SETS * L1_WAYS; at++) l1[at].tag = UINT64_MAX;
  for (int at = 0; at < L2_SETS * L2_WAYS; at++) l2[at].tag = UINT64_MAX;
  volatile uint64_t sum = 0;
  for (long done = 0; done < nr_warm_up; done++) sum += pass(accesses, nr_accesses);
  double start = cpu_seconds();
  for (long done = 0; done < nr_passes; done++) sum += pass(accesses, nr_accesses);
  double seconds = cpu_seconds() - start;
  begin_result(nr_accesses * nr_passes, seconds);
  add_check("l1Hits", nr_l1_hits, 0);
  add_check("l2Hits", nr_l2_hits, 0);
  add_check("walks", nr_walks, 0);
  add_check("faults", nr_faults, 0);
  add_check("dirtyAssists", nr_dirty_assists, 0);
  add_check("nrTables", nr_tables, 0);
  add_check("hashOfTables", hash_of_tables(), 1);
  return 0;
}
