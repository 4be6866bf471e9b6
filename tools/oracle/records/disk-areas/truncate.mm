# a file that shrinks and grows under its mappings
file f0 ext4 64 fill
mmap 0 64 rw private f0
mmap 100 64 rw shared f0
read 0
read 100
write 3 9
write 20 9
write 103 9
write 130 9
write 9 1
read 120
ftruncate f0 10.100
snap pagemap,lru,smaps,status,mapcount
read 9.4095
read 10
read 10.99
read 10.100
read 110.101
read 11
read 111
write 11 1
write 111 1
write 110.4095 7
read 10.4095
mincore 0 64
mincore 100 64
pread f0 10.99
pread f0 10.100
pread f0 11
ftruncate f0 30
snap lru
read 110.4095
read 10.4095
read 11
read 120
write 125 1
write 25 1
sleep 30
snap pagemap,lru,smaps,status,mapcount,kpf
fsync f0
snap pagemap,lru,smaps
ftruncate f0 26
snap pagemap,lru,smaps
ftruncate f0 25.1
ftruncate f0 25.1
snap lru
ftruncate f0 0
read 0
read 3
write 103 3
mincore 100 64
madvise 100 64 populate_read
madvise 0 20 populate_write
madvise 100 20 willneed
mlock 100 4
snap pagemap,lru,smaps,status
ftruncate f0 5
read 103
write 104 1
read 3
write 2 1
snap pagemap,lru,smaps,status,numa
msync 100 64 sync
snap lru
