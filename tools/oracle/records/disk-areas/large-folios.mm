# folios of several pages: dirty and accessed bits, advice on parts, locks, copies
file f0 ext4 256 fill cold
mmap 0 256 rw shared f0
read 0 256
sleep 50
write 70 1
write 33 1
snap lru,smaps,pagemap,numa
read 64 16
msync 0 256 sync
snap lru,smaps,pagemap
write 71 1
write 70 1
snap lru,smaps
pread f0 64
pread f0 65
pread f0 80
pread f0 64
pread f0 40
snap lru,numa
madvise 66 4 cold
snap lru,pagemap,kpf,smaps
madvise 64 16 cold
snap lru,smaps
madvise 96 32 cold
snap lru,smaps
mlock 130 4
snap lru,smaps
mlock 160 32
snap lru,smaps,status
munlock 165 2
snap lru,smaps
munlock 160 32
munmap 120 4
snap lru,mapcount
mmap 300 100 rw private f0 60
read 304
write 306 1
write 340 1
snap pagemap,mapcount,smaps,lru
fork P1
on P1
read 70
read 130
read 320
snap pagemap,mapcount,smaps,lru
