# which list pages are on, and what says that they were used: locking, use by the kernel, advice
file f tmpfs 24 fill
file m memfd 40
mmap 0 16 rw private,anon
mmap 24 10 rw shared f 4
mmap 36 10 rw private f 2
mmap 48 40 rw shared m
write 0 1 8
madvise 0 4 populate_write
madvise 2 4 populate_write
snap lru
mlock 24 6
snap lru
munlock 25 4
pread f 4
pread f 5
snap lru,numa
fork P1
on P1
mlock 0 12
mlock 24 10
mlock2 36 10 onfault
read 36 10
write 36 1 2
snap lru
on P0
mlock 0 4
snap lru
on P1
munlock 0 6
munlockall
snap lru
exit 0
on P0
wait
snap lru,numa
mlock 48 40
snap lru
munlock 48 33
madvise 50 8 cold
madvise 0 16 cold
snap lru
madvise 4 8 free
snap lru
write 5 1
madvise 4 8 populate_read
snap lru
munmap 24 10
munmap 0 2
pwrite f 6 1
mmap 24 10 r shared f 4
read 24 10
snap lru,numa
