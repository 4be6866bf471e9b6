# seed 1014, limits
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
read 41.17
dropcaps
write 3 191
read 11
madvise 15 9 pageout
sleep 40
madvise 15 9 pageout
sleep 40
read 14 5
fsync f0
snap maps,pagemap,mapcount,smaps,status
mremap 44 6 6 fixed 18
mmap 15 8 rwx private,fixed f0
mlock2 58 6 -
brk 6
msync 36 8 -
msync 0 34 sync,invalidate
madvise 8 6 pageout
sleep 40
snap maps,pagemap,mapcount,smaps,status
madvise 38 2 free
rlimit data +116
madvise 25 12 dontneed
mmap 50 12 rw shared,fixed,stack f1 12
mlock 24 6
mprotect 60 11 rw
rlimit memlock 0
snap maps,pagemap,mapcount,smaps,status
write 62 66 2
write 0 57
write 59 197
write 6 13 4
mremap 36 8 8 maymove,fixed,dontunmap 50
write 21 47
pread f1 24
snap maps,pagemap,mapcount,smaps,status
rlimit stack 196
oom_score_adj 1000
mprotect 7 6 r
brk 6
mremap 30 4 4 maymove,dontunmap
mmap 19 3 rw private,anon,fixed
mprotect 0 34 -
snap maps,pagemap,mapcount,smaps,status
ftruncate f0 17.100
munlock 22 4
rlimit memlock 0
mmap 21 16 rw private,stack f0 13
read 40
write 39 64 6
madvise 1 12 pageout
sleep 40
snap maps,pagemap,mapcount,smaps,status
write 60 108 4
write 54 181
write 14 63
read 61
mprotect 7 1 rw
brk 3
mmap 12 9 rw shared f0 5
snap maps,pagemap,mapcount,smaps,status
madvise 15 4 dontneed
exec @2000
mlock2 5 7 onfault
mlock2 39 6 -
brk 19
mprotect 23 12 rwx
mincore 53 15
snap maps,pagemap,mapcount,smaps,status
mremap 15 5 5 maymove,dontunmap
mlockall future
write 30 30 4
read 63
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
