# seed 1020, swapping
file f0 memfd 24
file f1 tmpfs 24 fill
file f2 tmpfs 24 ro
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
ftruncate f2 14
munlock 48 4
mremap 15 4 4 fixed 51
mlock2 44 6 onfault
madvise 45 8 populate_read
mprotect 53 13 rw
madvise 61 7 guard_remove
snap maps,pagemap,mapcount,smaps,status
rlimit data +152
fork P1
on P1
pwrite f1 18 187
mprotect 19 16 rw
mremap 24 10 10 -
ftruncate f1 1.100
msync 15 16 sync,async
snap maps,pagemap,mapcount,smaps,status
exit 2
on P0
read 51 4
mmap 1 14 rw shared,anon,hint,locked
mincore 61 11
madvise 33 3 pageout
sleep 40
write 33 175
mprotect 0 8 rwx
read 29
snap maps,pagemap,mapcount,smaps,status
write 0 158 15
mprotect 24 10 rx
mmap 64 8 r private,anon,populate
write 43 189 3
madvise 36 10 pageout
sleep 40
madvise 36 10 pageout
sleep 40
write 36 193
mincore 4 18
munmap 59 3
snap maps,pagemap,mapcount,smaps,status
mincore 0 15
pread f0 9.4095
madvise 44 2 sequential
mmap 17 2 rw shared f2 18
mprotect 13 4 rw
read 29
madvise 48 8 pageout
sleep 40
write 53 15
snap maps,pagemap,mapcount,smaps,status
write 52 9 4
write 36 3
write 1 192
msync 55 7 -
mremap 43 1 1 -
mprotect 5 10 rw
mmap 20 4 rx private,anon
snap maps,pagemap,mapcount,smaps,status
madvise 48 8 pageout
sleep 40
madvise 48 8 pageout
sleep 40
madvise 64 5 populate_write
brk 23
mmap 38 16 rw private,anon
read 51 3
mmap 59 3 r private,anon
read 54
snap maps,pagemap,mapcount,smaps,status
mmap 30 8 rw private,anon,fixed
brk 2
madvise 56 10 pageout
sleep 40
madvise 56 10 pageout
sleep 40
write 62 197
write 3 90
write 5 80 10
munmap 20 1
pmadvise P0 22 11 willneed
snap maps,pagemap,mapcount,smaps,status
mlock2 37 10 onfault
mprotect 0 9 rw
write 2 19 5
madvise 1 1 dontneed_locked
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
