# populate of mappings: faults are counted otherwise
file f0 ext4 128 fill cold
file f1 ext4 64 fill cold
file f2 ext4 64 fill
mmap 0 64 rw shared,populate f0
sleep 50
snap pagemap,lru,status,kpf
mincore 0 64
mmap 100 20 rw private,populate f0 70
sleep 50
snap pagemap,lru,status
mmap 300 128 r shared f0
mincore 300 128
madvise 0 30 populate_write
snap lru
madvise 395 33 populate_read
sleep 50
snap pagemap,lru,kpf
mmap 500 64 rw shared f1
madvise 510 20 populate_write
sleep 50
snap pagemap,lru,kpf
mincore 500 64
madvise 500 64 populate_read
sleep 50
snap pagemap,lru,kpf
mmap 600 64 rw private f2
madvise 600 10 populate_read
madvise 605 10 populate_write
snap pagemap,lru,mapcount
mmap 700 80 r shared,populate f2
snap pagemap,lru,mapcount,status
madvise 700 80 populate_read
madvise 700 64 populate_write
mmap 800 64 r shared,populate,nonblock f2
snap pagemap
