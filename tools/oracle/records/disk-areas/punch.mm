# holes: punched, and made by madvise remove
file f0 ext4 64 fill
file f1 ext4 32 fill ro
mmap 0 64 rw private f0
mmap 100 64 rw shared f0
mmap 200 32 r shared f1
read 0
read 100
write 3 9
write 103 9
write 106 9
punch f0 2 3
snap pagemap,lru,smaps
read 2
read 3
read 103
read 104
sleep 30
snap pagemap,lru,smaps,kpf
write 104 5
read 4
punch f0 60 20
read 160
punch f0 70 2
punch f0 0 0
sleep 30
msync 100 64 sync
snap pagemap,lru,smaps,kpf
madvise 100 4 remove
madvise 0 4 remove
madvise 100 64 free
snap pagemap,lru,smaps
pread f0 2
pread f0 10
pread f0 63
punch f0 0 64
mincore 100 64
snap pagemap,lru,smaps,status
write 105 1
pwrite f0 6 66
read 107
sleep 30
mincore 100 64
punch f1 0 4
madvise 200 4 remove
ftruncate f1 8
pwrite f1 0 1
pread f1 3
read 231
mlock 110 4
madvise 110 4 remove
snap pagemap,lru,smaps,status
