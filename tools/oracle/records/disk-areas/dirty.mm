# writes through shared mappings, what makes them clean, and what the next write costs
file f0 ext4 64 fill
file f1 ext4 64 fill cold
mmap 0 64 rw shared f0
mmap 100 64 rw shared f0
mmap 200 64 rw private f0
write 0 1
read 1
write 1 1
write 20 1 6
read 200
read 100
write 101 2
snap pagemap,lru,smaps,numa,mapcount
msync 0 10 async
write 1 3
msync 0 10 sync
snap lru,smaps,pagemap
write 0 4
write 101 4
read 1
write 1 4
snap lru,smaps,numa
fsync f0
snap lru,smaps
write 20 5 6
fsync f1
snap lru
msync 20 2 sync
snap lru,smaps
write 200 7
msync 200 64 sync
snap lru,smaps
msync 0 64 sync,async
msync 0 70 sync
msync 60 60 async
msync 300 1 sync
msync 0.1 1 sync
msync 0 0 sync
msync 0 64 invalidate
mlock 8 2
write 9 1
msync 0 64 invalidate
msync 0 8 sync,invalidate
msync 0 64 async,invalidate
munlock 8 2
pwrite f0 9 65
pwrite f0 40 65
snap lru,smaps
read 140
fsync f0
write 140 1
munmap 0 64
snap lru,smaps,numa
fsync f0
snap lru,smaps,numa
munmap 100 64
mmap 300 64 rw shared f1
write 310 1
sleep 30
write 311 1
write 340 1
sleep 30
mincore 300 64
snap lru,smaps,pagemap,kpf
madvise 300 64 dontneed
read 310
snap lru,pagemap,smaps
clear_refs 4
write 310 2
write 311 2
snap lru,pagemap,smaps
