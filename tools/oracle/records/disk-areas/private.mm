# private mappings read the newest bytes of the file until they copy
file f0 ext4 48 fill
mmap 0 48 rw private f0
mmap 100 48 rw shared f0
read 0
read 3
write 3 1
write 103 9
read 3
read 103
pwrite f0 4 66
read 4
pwrite f0 3.1 67
read 3.1
read 103.1
write 5.7 3
pread f0 5.7
madvise 0 8 dontneed
read 3
read 5.7
snap pagemap,mapcount,smaps,lru,status
write 10 1 4
madvise 8 8 free
mprotect 0 48 r
read 20
write 20 1
mprotect 0 48 rw
write 20 1
write 21 1
snap pagemap,mapcount,smaps,lru,status
fork P1
on P1
write 20 2
write 22 2
read 40
snap pagemap,mapcount,smaps,lru,status
on P0
read 20
write 120 3
read 22
snap pagemap,mapcount,smaps,lru,status
mremap 16 16 16 maymove,fixed 200
read 204
write 205 1
munmap 208 40
snap maps,pagemap,mapcount,smaps,status
madvise 0 16 willneed
madvise 0 16 cold
madvise 0 16 remove
madvise 200 8 populate_write
snap pagemap,mapcount,smaps,lru,status
