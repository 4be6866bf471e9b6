# seed 1012, copying
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
read 12
write 62 136
madvise 58 6 free
mprotect 4 13 rw
write 3 120
fork P1
madvise 56 5 pageout
sleep 40
snap maps,pagemap,mapcount,smaps,status
write 31 44
on P1
read 38
pwrite f1 2 105
write 17 6 3
write 36 38 10
mincore 24 10
snap maps,pagemap,mapcount,smaps,status
read 13
mmap 55 14 r private,anon
msync 13 2.4095 sync,async
drain
write 30 196
write 40 193
mincore 7 2
snap maps,pagemap,mapcount,smaps,status
on P0
write 14 108
write 38 4 8
madvise 17 20 pageout
sleep 40
write 53 103
write 63 174 2
fork P2
snap maps,pagemap,mapcount,smaps,status
read 19
write 29 92
on P2
madvise 18 10 guard_remove
madvise 43 11 guard_install
fork P3
on P3
mincore 58 6
snap maps,pagemap,mapcount,smaps,status
write 16 92
mmap 6 13 r private,anon,growsdown
on P2
mmap 54 5 rw shared,anon,fixed
mmap 25 14 rw private,anon,locked
write 5 187 4
write 32 160 4
snap maps,pagemap,mapcount,smaps,status
mmap any 12 - shared,anon,populate,stack
write m+11 116
munmap 24 10
mmap 1 12 rw private,fixed,growsdown f1 1
read 11
fork P4
brk 24
snap maps,pagemap,mapcount,smaps,status
write b+18 30
write 40 173
mmap 28 6 rw shared,anon,noreserve
on P4
madvise 1 7 populate_write
write 14 6
mprotect 19 9 rw
snap maps,pagemap,mapcount,smaps,status
on P1
write 30 96
write 12 168 5
write 41 24
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
on P2
snap maps,pagemap,mapcount,kpf,smaps,status
on P3
snap maps,pagemap,mapcount,kpf,smaps,status
on P4
snap maps,pagemap,mapcount,kpf,smaps,status
