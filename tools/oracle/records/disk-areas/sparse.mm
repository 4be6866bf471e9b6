# files with holes, and writes beyond their end
file f0 ext4 64
file f1 ext4 8 fill
file f2 ext4 8 fill
file f3 ext4 8 fill
mmap 0 64 rw shared f0
mmap 100 64 r private f0
mincore 0 64
read 110
sleep 50
mincore 0 64
write 5 1
snap lru,pagemap,smaps,kpf
pwrite f0 50 1
pwrite f0 51.7 1
mincore 0 64
fsync f0
fadvise f0 0 0 dontneed
mincore 0 64
pread f0 63
mincore 0 64
snap lru,pagemap,smaps,numa
write 40 1
sleep 30
read 41
write 42 1
mincore 0 64
snap lru,pagemap,smaps
pwrite f1 10 1
pwrite f2 10.100 1
pwrite f3 10.4095 1
mmap 200 12 r shared f1
mmap 220 12 r shared f2
mmap 240 12 r shared f3
read 210
read 230
read 250
read 208
read 209
read 211
sleep 30
snap lru,pagemap,kpf
mincore 200 12
mincore 220 12
pwrite f1 12 1
pwrite f2 12.100 1
pwrite f3 14.4095 1
snap lru,pagemap,kpf
fsync f1
fsync f2
fsync f3
snap lru,pagemap,kpf
ftruncate f1 20
ftruncate f2 20.5
mincore 220 12
read 211
read 231
snap lru,pagemap,smaps,status
