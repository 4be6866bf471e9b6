# which accesses count: reads of bytes, of pages, writes, unmapping
file f0 ext4 64 fill
file f1 ext4 64 fill cold
mmap 0 64 r private f0
pread f0 0
pread f0 0
pread f0 1
pread f0 2
pread f0 1
pread f0 2
pread f0 1
pwrite f0 3 65
pwrite f0 4 65
pwrite f0 4 66
pread f0 5.4095
pread f0 5
pread f0 6
pread f0 5
read 0
snap lru,numa,smaps,nodrain
snap lru,numa,smaps
fsync f0
snap lru,numa
munmap 8 4
mmap 8 4 r private f0 8
read 9
snap lru,numa
madvise 0 4 dontneed
read 0
snap lru,numa
madvise 0 16 dontneed
clear_refs 1
read 0
snap lru,numa,smaps
clear_refs 1
madvise 0 16 dontneed
read 0
snap lru,numa
mmap 100 16 rw shared f0 32
mmap 120 16 r shared f0 32
read 100
read 120
write 104 1
munmap 100 16
snap lru,numa
munmap 120 16
mmap 120 16 r shared f0 32
madvise 120 16 random
read 120
munmap 120 16
mmap 120 16 r shared f0 32
madvise 120 16 sequential
read 120
munmap 120 16
mmap 120 16 r shared f0 32
read 120
snap lru,numa
mmap 200 64 r shared f1
pread f1 20
sleep 20
pread f1 21
sleep 20
pread f1 20
read 220
sleep 20
pread f1 22
snap lru,numa
fork P1
on P1
pread f1 22
pread f1 21
read 220
exit 0
on P0
wait
snap lru,numa
