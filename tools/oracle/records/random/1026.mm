# seed 1026, swapping
sysctl vm/page-cluster 0
file f0 tmpfs 24
file f1 memfd 24
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
mprotect 0 20 rw
read 38
madvise 27 2 normal
read 48 2
madvise 42 16 pageout
sleep 40
write 39 35 7
mprotect 16 15 rwx
snap maps,pagemap,mapcount,smaps,status
madvise 6 2 guard_remove
read 12
read 55
mprotect 19 10 rw
madvise 40 9 pageout
sleep 40
madvise 40 9 pageout
sleep 40
write 42 170
madvise 39 4 populate_write
msync 36 10 async
snap maps,pagemap,mapcount,smaps,status
read 31
write 48 107
madvise 36 10 pageout
sleep 40
madvise 36 10 pageout
sleep 40
write 36 187
ftruncate f1 22.1
mprotect 0 20 r
pmadvise P0 54 14 cold
madvise 58 6 populate_write
snap maps,pagemap,mapcount,smaps,status
mmap 68 1 w shared f0 23
mmap 48 14 r shared,anon,fixed
read 36
read 6
read 12
madvise 38 10 remove
mincore 4 20
snap maps,pagemap,mapcount,smaps,status
read 37
write 26 71 8
mlock 37 6
mlock 15 10
write s-2 92
madvise 11 5 free
madvise 63 6 guard_remove
snap maps,pagemap,mapcount,smaps,status
punch f1 10 4
mprotect 28 7 r
brk 18
write 41 7
mremap 53 3 11 maymove,fixed 35
mmap 48 15 rx private,anon
write 36 26 6 2
snap maps,pagemap,mapcount,smaps,status
read 50
write 68 159
write 43 25
madvise 33 5 guard_install
madvise b+2 1 dontneed
fork P1
madvise 43 5 populate_write
snap maps,pagemap,mapcount,smaps,status
on P1
mmap any 1 rw shared f1
write 68 185
write 68 151 1
write 63 38
write 43 79
madvise 29 6 populate_read
snap maps,pagemap,mapcount,smaps,status
mmap 35 7 rw private,anon
fsync f1
madvise 24 10 pageout
sleep 40
madvise 24 10 pageout
sleep 40
write 24 86
read 42
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom
