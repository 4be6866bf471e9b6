# random, sequential, normal, willneed, of mappings and of files
file f0 ext4 256 fill cold
file f1 ext4 128 fill cold
mmap 0 256 r private f0
madvise 0 256 random
read 50 10
sleep 50
mincore 0 256
pread f0 80
sleep 50
pread f0 81
sleep 50
mincore 0 256
madvise 0 256 normal
read 120
sleep 50
mincore 0 256
snap pagemap,smaps
madvise 150 106 sequential
read 200
sleep 50
mincore 0 256
read 201 31
sleep 50
mincore 0 256
snap pagemap,kpf,smaps
read 170 3
sleep 50
mincore 0 256
mmap 300 128 rw shared f1
fadvise f1 0 0 random
pread f1 10
pread f1 11
pread f1 0
sleep 50
mincore 300 128
read 340
sleep 50
mincore 300 128
fadvise f1 0 0 sequential
pread f1 1
sleep 50
mincore 300 128
pread f1 2
pread f1 80
sleep 50
pread f1 81
sleep 50
mincore 300 128
read 400
sleep 50
mincore 300 128
snap pagemap,kpf,lru
fadvise f1 0 0 dontneed
mincore 300 128
fadvise f1 3 5 willneed
sleep 50
mincore 300 128
madvise 320 10 willneed
sleep 50
mincore 300 128
fadvise f1 120 0 willneed
sleep 50
mincore 300 128
fadvise f1 0 0 willneed
sleep 50
mincore 300 128
read 303 40
snap pagemap,kpf,lru
