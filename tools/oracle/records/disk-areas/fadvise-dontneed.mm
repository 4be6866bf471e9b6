# dropping pages: clean, dirty, mapped, locked, parts of pages
file f0 ext4 64 fill
file f1 ext4 40 fill
file f2 tmpfs 8 fill
mmap 0 16 rw shared f0
mmap 100 64 r shared f0
write 0 1
write 5 1
read 8
pwrite f0 20 1
pwrite f0 21 1
fsync f0
fadvise f0 0 0 dontneed
mincore 100 64
snap lru,pagemap,numa
fadvise f0 0 0 dontneed
read 120
sleep 50
mincore 100 64
snap lru,pagemap
write 9 1
fsync f0
munmap 0 16
fadvise f0 0 30 dontneed
mincore 100 64
munmap 100 64
fadvise f0 0 30 dontneed
mmap 100 64 r shared f0
mincore 100 64
fadvise f0 40 10 dontneed
mincore 100 64
fadvise f0 0 0 dontneed
mincore 100 64
mmap 200 40 rw shared f1
mlock 204 4
pread f1 10
pread f1 11
pread f1 10
fadvise f1 0 0 dontneed
mincore 200 40
ftruncate f1 39.5
fsync f1
read 239
munmap 200 40
fadvise f1 0 40 dontneed
mmap 200 40 rw shared f1
mincore 200 40
fadvise f1 0 0 dontneed
mincore 200 40
mmap 300 8 r shared f2
fadvise f2 0 0 dontneed
fadvise f2 0 4 willneed
mincore 300 8
read 205
sleep 30
snap lru,pagemap,numa
