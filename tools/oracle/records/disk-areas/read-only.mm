# files opened for reading, and a user who may not write the file
file f0 ext4 32 fill ro
file f1 ext4 16 fill cold ro
file f2 ext4 16 fill
mmap 0 32 rw shared f0
mmap 0 32 r shared f0
mmap 40 32 rw private f0
mprotect 0 32 rw
mprotect 0 32 rx
read 0
write 41 1
pwrite f0 0 1
ftruncate f0 3
punch f0 0 1
fsync f0
pread f0 3
fadvise f0 20 10 dontneed
mincore 0 32
snap maps,pagemap,smaps,lru,status
mmap 100 16 r private f1
mmap 120 16 rw shared f2
write 125 1
dropcaps
read 122
mincore 0 32
mincore 40 32
mincore 100 16
mincore 120 16
madvise 120 16 pageout
madvise 0 32 pageout
madvise 100 16 pageout
read 100
sleep 30
madvise 100 8 pageout
sleep 30
mlock 0 4
madvise 0 32 cold
madvise 100 16 willneed
snap pagemap,lru,smaps,status
