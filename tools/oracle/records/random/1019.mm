# seed 1019, files
file f0 tmpfs 24
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
mprotect 36 12 rwg
ftruncate f0 2
mmap 21 2 rwx shared,anon,hint
mmap 36 12 w shared f1
mremap 0 20 1 -
madvise 52 5 mergeable
punch f1 20 1
snap maps,pagemap,mapcount,smaps,status
write 24.1 90
brk 12
read 42 3
clear_refs 1
mprotect 36 6 rw
read 18
read 48
snap maps,pagemap,mapcount,smaps,status
madvise 47 5 populate_read
mprotect 51 10 rw
fork P1
ftruncate f1 15
madvise 51 21 pageout
sleep 40
mremap 21 1 10 maymove,fixed 58
mmap 11 6 rw shared,anon,locked
snap maps,pagemap,mapcount,smaps,status
madvise 61 1 free
pwrite f0 1 199
msync b+3 5 async
madvise 49 6 cold
pwrite f0 2.4095 121
madvise 31 5 pageout
sleep 40
madvise 31 5 pageout
sleep 40
write 32 38
pwrite f0 3 7
snap maps,pagemap,mapcount,smaps,status
read 34
fork P2
pwrite f0 1 50
pwrite f0 1 181
write 44 199 4
read 14
on P1
snap maps,pagemap,mapcount,smaps,status
mincore 24 10
mincore 26 9
ftruncate f0 27
madvise 39 1 pageout
sleep 40
write 39 22
rlimit stack 192
read 40 5
mprotect 24 10 rw
snap maps,pagemap,mapcount,smaps,status
ftruncate f0 2
brk 12
pwrite f0 3.4095 198
madvise 12 9 willneed
fork P3
madvise 36 10 pageout
sleep 40
mlock 36 9
snap maps,pagemap,mapcount,smaps,status
madvise 41 14 pageout
sleep 40
write 54 155
read 36
ftruncate f0 20
ftruncate f0 22.1
mprotect 58 6 rw
write 27 174
mmap 3 3 rw private,anon
snap maps,pagemap,mapcount,smaps,status
msync 24 10 invalidate
write 26 3
write 55 108 1
mmap 33 6 rwx private,anon,hint,noreserve
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
on P2
snap maps,pagemap,mapcount,kpf,smaps,status
on P3
snap maps,pagemap,mapcount,kpf,smaps,status
