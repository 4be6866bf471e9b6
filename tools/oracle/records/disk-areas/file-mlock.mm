# locked pages of files
file f0 ext4 64 fill
file f1 ext4 64 fill cold
mmap 0 32 rw shared f0
mmap 100 32 rw private f0
mlock 0 8
snap lru,pagemap,smaps,status
mlock 100 4
write 0 1
write 20 1
snap lru,pagemap,smaps,status
msync 0 32 invalidate
msync 8 8 invalidate
msync 0 8 sync,invalidate
snap lru,pagemap,smaps
munlock 0 8
snap lru,pagemap,smaps
mlock2 10 10 onfault
read 12
snap lru,pagemap,smaps,status
fadvise f0 0 0 dontneed
sleep 30
mincore 0 32
munlockall
munmap 0 200
mmap 0 64 rw shared f1
mincore 0 64
mlock 10 30
sleep 30
snap lru,pagemap,kpf,status
mincore 0 64
write 10 1
snap lru,pagemap
munlock 10 10
snap lru,pagemap,smaps
mlockall future
mmap 100 20 r private f1 44
mmap 200 20 rw private f1 30
sleep 30
snap lru,pagemap,smaps,status,kpf
munmap 100 10
madvise 200 8 dontneed
madvise 200 8 dontneed_locked
snap lru,pagemap,smaps,status
munlockall
fork P1
on P1
read 15
read 110
snap lru,mapcount,smaps
