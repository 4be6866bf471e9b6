# seed 1013, files
sysctl vm/page-cluster 0
file f0 tmpfs 24
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
write 38 138
madvise 9 5 free
fork P1
mprotect 36 10 rw
on P1
mlock2 1 4 onfault
madvise 0 20 pageout
sleep 40
snap maps,pagemap,mapcount,smaps,status
read 19
madvise 0 20 populate_read
pread f1 10
pread f1 21
write 43 70 3
pwrite f1 25 182
madvise 44 9 cold
snap maps,pagemap,mapcount,smaps,status
madvise 14 4 pageout
sleep 40
madvise 14 4 pageout
sleep 40
mmap 65 6 r private f0 17
exec @0
madvise 0 20 dofork
madvise 4 5 populate_write
read 14
madvise 22 12 sequential
snap maps,pagemap,mapcount,smaps,status
write 9 123 11
mprotect 27 10 rw
madvise 8 7 populate_read
pwrite f0 17 108
read 32
punch f0 18 2
ftruncate f0 21
snap maps,pagemap,mapcount,smaps,status
madvise 57 10 pageout
sleep 40
on P0
madvise 6 9 dontneed
write 1 17
mprotect 0 20 r
madvise 31 6 willneed
pread f1 6
snap maps,pagemap,mapcount,smaps,status
write 31 21
mmap 68 4 rwx shared,anon
read 1
mmap any 5 rw validate,populate f1 17
read 60 6
punch f0 10 4
write 33 60
snap maps,pagemap,mapcount,smaps,status
punch f0 20 8
mmap 52 6 rx private,anon
mremap 70 1 5 maymove,fixed 44
punch f0 13 2
mremap 0 20 9 -
madvise 38 8 dontneed
mprotect 23 15 rw
snap maps,pagemap,mapcount,smaps,status
read 51 2
write 39 194 2
madvise 58 10 pageout
sleep 40
mprotect 61 8 rw
mmap 12 8 rw private,anon
madvise 49 5 guard_install
mprotect m+4 1 rw
snap maps,pagemap,mapcount,smaps,status
madvise 28 11 dontdump
read m+2
mmap 24 5 - private,fixed f0 17
madvise 12 2 dontneed_locked
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom
