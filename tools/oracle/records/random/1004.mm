# seed 1004, copying
file f0 tmpfs 24 fill
file f1 memfd 24
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
write 44 178 5
mmap 12 9 rw private,fixed,populate f0 8
munmap 36 10
read 60
write 52 141
mincore 52 6
mprotect 14 14 rw
snap maps,pagemap,mapcount,smaps,status
write 49 125
mlock2 0 21 onfault
write 27 120
mremap 12 1 8 maymove
write 54 40 2
write 30 79 4
mmap 39 7 rw private,anon,populate
snap maps,pagemap,mapcount,smaps,status
madvise 45 10 pageout
sleep 40
mmap 49 4 - shared,fixed f0 9
fork P1
on P1
read 13
mincore 0 21
write 15 186 3 3
fork P2
on P2
snap maps,pagemap,mapcount,smaps,status
read 30 6 2
write 0 117
mmap 47 10 rwx shared,anon,fixed,stack
fork P3
on P3
madvise 38 5 cold
write 7 127
fork P4
on P4
snap maps,pagemap,mapcount,smaps,status
madvise 10 13 pageout
sleep 40
mmap 19 5 r shared,anon,fixed,populate
brk 4
on P3
msync 47 10 invalidate
mmap 14 12 rw private,anon,fixed,populate
read 27
snap maps,pagemap,mapcount,smaps,status
mremap 58 7 1 -
on P4
mprotect 9 2.4095 -
write 29 72 5
read 27 5
read 39.17
read 23 5
snap maps,pagemap,mapcount,smaps,status
write 29 170 6
on P3
mmap any 8 rw private f0
madvise 0 34 populate_write
read 5
on P4
munmap 28 6
snap maps,pagemap,mapcount,smaps,status
mprotect 45 9 rx
write 43 195 4 3
read b+3
brk 14
msync 13 5 sync,invalidate
write 8 177
write 8 35
snap maps,pagemap,mapcount,smaps,status
on P2
read 53.17
madvise 45 8 populate_read
madvise 1 1 populate_write
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
