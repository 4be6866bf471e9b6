file f0 tmpfs 40 fill
file f1 memfd 6
file f2 tmpfs 8 fill ro
mmap 0 40 r shared f0
read 3
snap pagemap,mapcount,smaps,status
read 20
snap pagemap,mapcount,smaps,status
mmap 40 8 rw private f0 4
write 42 1
read 44
read 42
snap pagemap,mapcount,kpf,smaps,status
mmap 50 10 rw shared f1
read 50
write 52 1
read 57
write 57 1
ftruncate f1 9.5
read 57
write 58 1
snap pagemap,mapcount,kpf,smaps,status
ftruncate f1 2
read 52
pread f1 1
pwrite f1 4 65
read 54
read 53
pread f1 20
punch f0 2 4
read 2 4
read 44
snap pagemap,mapcount,smaps,status
madvise 0 8 remove
mprotect 0 8 rw
madvise 0 8 remove
read 0
write 0 1
snap pagemap,mapcount,smaps,status
mmap 62 4 rw shared f2
mmap 62 4 rw private f2
write 62 1
write 63 2
ftruncate f2 2
pwrite f2 0 1
msync 0 40 sync
msync 50 4 async,invalidate
mincore 40 8
fork P1
on P1
read 3
write 42 9
read 50
snap maps,pagemap,mapcount,smaps,status
