mmap 0 12 rw private,anon
read 0 6
snap pagemap,kpf,mapcount,smaps,status
write 1 7
write 3 7
read 1
snap pagemap,kpf,mapcount,smaps,status
fork P1
on P1
write 0 1
read 3
write 4 1
snap pagemap,mapcount,smaps,status
on P0
snap pagemap,mapcount,smaps,status
mprotect 0 12 r
write 2 1
mprotect 0 12 rw
write 2 1
madvise 0 12 dontneed
read 2
madvise 6 3 populate_read
madvise 8 3 populate_write
snap pagemap,kpf,smaps,status
mincore 0 12
mmap 20 4 r private,anon,populate
mmap 24 4 rw private,anon,populate
mmap 28 4 - private,anon,populate
snap maps,pagemap,kpf,smaps,status
madvise 20 4 populate_write
