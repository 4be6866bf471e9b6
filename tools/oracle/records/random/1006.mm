# seed 1006, limits
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
mprotect 27 6 rx
madvise 60 9 dontneed_locked
mprotect 0 20 w
mprotect 1 16 rx
madvise 11 6 dodump
write 0 178 5
mmap 22 2 rw private,fixed f0 12
snap maps,pagemap,mapcount,smaps,status,lru
mlock2 0 20 onfault
read 42
madvise 8 8 dontdump
write 17 171
write 41 180 5
munlockall
mremap 0 8 12 -
snap maps,pagemap,mapcount,smaps,status,lru
madvise 48 8 guard_install
madvise 38 10 populate_read
madvise 12 5 mergeable
madvise 14 10 free
mprotect 38 10 rw
mlock2 1 7 onfault
madvise 6 3 guard_remove
snap maps,pagemap,mapcount,smaps,status
brk 23
madvise 22 12 cold
read b+10
mmap 64 5 rx private,populate,nonblock f1
madvise b+18 1 cold
mlock2 22 7 onfault
madvise 36 10 dontfork
snap maps,pagemap,mapcount,smaps,status,kpf,lru
rlimit memlock 60
rlimit as +24
madvise 37 1 pageout
sleep 40
read 37
munlock 22 5
ftruncate f1 12
mlockall future
read s-5
snap maps,pagemap,mapcount,smaps,status
mmap 52 12 rw shared,fixed f1 7
msync 16 3 sync,async
madvise 13 5 dontfork
read 27 5
mmap 47 12 w private,hint f1
mmap 34 2 rw shared f0 17
madvise 8 7 free
snap maps,pagemap,mapcount,smaps,status
mincore 22 7
madvise 25 6 guard_install
mremap 0 20 3 maymove,fixed 65
prctl 41 0
write 63 85
madvise 42 4 dontdump
read 49
snap maps,pagemap,mapcount,smaps,status
pwrite f1 1 93
read 49
mmap 4 14 rw private,anon
brk 12
mremap 48 21 21 maymove,fixed 26
write 43 80 4
mremap 34 6 6 maymove,fixed,dontunmap 28
snap maps,pagemap,mapcount,smaps,status
rlimit data +24
drain
write b+8 54
munlock 14 2
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
