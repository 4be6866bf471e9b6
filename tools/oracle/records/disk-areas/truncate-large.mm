# cutting folios of several pages
file f0 ext4 256 fill cold
mmap 0 256 rw shared f0
read 0 256
sleep 50
ftruncate f0 201
snap pagemap,kpf,lru
mincore 0 256
read 200
ftruncate f0 170.10
snap pagemap,kpf,lru
mincore 0 256
read 165
read 170
snap pagemap,kpf,lru
punch f0 100 4
snap pagemap,kpf,lru
mincore 0 256
read 99
read 101
sleep 50
snap pagemap,kpf,lru
punch f0 64 32
snap pagemap,kpf,lru
write 66 1
write 36 1
fsync f0
fadvise f0 34 20 dontneed
mincore 0 256
munmap 0 256
fadvise f0 34 20 dontneed
mmap 0 256 rw shared f0
mincore 0 256
fadvise f0 0 34 dontneed
mincore 0 256
