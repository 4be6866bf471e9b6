# seed 1020, swapping
sysctl vm/page-cluster 0
file f0 memfd 24
file f1 tmpfs 24 fill
file f2 tmpfs 24 ro
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
pwrite f2 11 112
madvise 15 23 pageout
sleep 40
read 18
madvise 27 10 mergeable
madvise 27 11 remove
madvise 37 23 pageout
sleep 40
madvise 37 23 pageout
sleep 40
munlock 52 8
mprotect 40 14 rw
snap maps,pagemap,mapcount,smaps,status
mmap 24 6 rx private,anon,fixed
read 16
madvise 0 20 mergeable
write 1.17 164
mmap 39 16 rwx private,noreserve f2
mmap any 6 rwx private,noreserve f1 2
read 44
snap maps,pagemap,mapcount,smaps,status
write 50 31
mmap 52 5 rwx private,populate f2 2
write 9 169 11
madvise 24 10 pageout
sleep 40
madvise 24 10 pageout
sleep 40
madvise 32 9 dontneed
write 42 41 4
madvise 48 8 pageout
sleep 40
madvise 48 8 pageout
sleep 40
snap maps,pagemap,mapcount,smaps,status
madvise 61 11 pageout
sleep 40
fork P1
madvise 50 5 free
write 9 49 11
on P1
fork P2
on P2
write m+3 5
snap maps,pagemap,mapcount,smaps,status
madvise 44 2 sequential
madvise 58 6 dontneed
fork P3
on P3
msync 0 20 async
read 31.17
read 37
mprotect 8 12 rw
snap maps,pagemap,mapcount,smaps,status
on P2
mmap any 10 rw private,anon,noreserve
madvise 37 8 pageout
sleep 40
write 8 125
mprotect 1 9 rw
mprotect 19 1 -
write 4 117 5
snap maps,pagemap,mapcount,smaps,status
munlock 0 20
madvise 59 11 populate_write
madvise 60 6 dontneed
madvise 51 3 pageout
sleep 40
madvise 0 20 pageout
sleep 40
read 6
mprotect 58 6 rwx
mincore 48.1 8
snap maps,pagemap,mapcount,smaps,status
mincore 58 6
madvise 36 10 pageout
sleep 40
write 45 110
mprotect 24 10 r
madvise 24 10 dontneed_locked
write 5 22
read 48
write 12 32 7
snap maps,pagemap,mapcount,smaps,status
read 16
on P3
rlimit as +76
mprotect 0 9 rw
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P2
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P3
snap maps,pagemap,mapcount,kpf,smaps,status,oom
