# one file, private and shared, filled and not, with offsets
file f0 ext4 40 fill
file f1 ext4 40
file f2 tmpfs 16 fill
mmap 0 40 rw private f0
mmap 64 40 rw shared f0
mmap 128 40 rw private f1
mmap 192 40 rw shared f1
mmap 256 16 rw shared f2
snap maps
read 0
read 64
read 128
sleep 30
read 192
snap pagemap,mapcount,smaps,status
write 0 7
write 64 8
write 70 8
write 128 7
write 192 9
write 200 9
write 256 9
read 136
read 6
pread f0 6
pread f1 8
pread f1 30
snap pagemap,mapcount,smaps,status,lru
msync 192 40 sync
msync 64 40 async
fsync f0
snap smaps,lru,numa
write 192 10
write 64 10
msync 300 1 sync
msync 192 40 invalidate
pwrite f1 3 90
pwrite f1 39 90
read 131
read 195
read 231
madvise 128 40 dontneed
read 128
madvise 192 40 dontneed
snap pagemap,smaps,status
read 192
mmap 300 8 rw shared f1 8
write 300 65
read 200
pread f1 8
mremap 300 8 24 maymove
snap maps,smaps
ftruncate f1 20
read 231
read 318
punch f0 2 2
read 66
read 2
snap pagemap,mapcount,smaps,lru,status
munmap 0 400
snap maps,status
