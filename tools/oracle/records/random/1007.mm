# seed 1007, mixed
sysctl vm/page-cluster 0
file f0 tmpfs 24
file f1 memfd 24
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
mmap 37 1 rwx private,hint f0 3
drain
madvise 36 10 dontneed
mprotect 63 1 rw
mlock2 32 4 onfault
write 16 51 4
write 48 92 4
snap maps,pagemap,mapcount,smaps,status,lru
mincore 36 10
read 17
read 16
mmap 68 4 r shared f1
madvise 9 12 mergeable
read 15
mprotect 71 1 rx
snap maps,pagemap,mapcount,smaps,status,kpf,lru
munmap 13 3
read 9
read 12
mremap 68 4 7 maymove,fixed 16
pread f0 0
mprotect 45 5 rw
read 59
snap maps,pagemap,mapcount,smaps,status,kpf,lru
clear_refs 2
msync 54 5 async,invalidate
write 39 164 7
mincore 14 5
fork P1
on P1
mremap 4 1 1 maymove,fixed 28
mmap 61 10 r private,anon,fixed
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
madvise 37 2 guard_remove
msync 25 0 -
on P0
read @0 3 2
write 59 68 3
madvise 18 9 cold
brk 18
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
mremap 1 1 1 maymove
read 2
mprotect b+7 5 rw
mprotect 44 5 r
write 9 130
on P1
mremap 24 8 7 maymove
snap maps,pagemap,mapcount,smaps,status
read 40.17
madvise 16 7 77
mprotect 41 1 r
write 52 138
read 25 2 2
read 25
read 30
snap maps,pagemap,mapcount,smaps,status
madvise 43 12 guard_install
mmap any 7 rw private,anon
read 0
read m+2
mmap 12 4 rw shared,anon
madvise 45 4 cold
mremap 41 1 9 maymove,fixed 60
snap maps,pagemap,mapcount,smaps,status,kpf,lru
mprotect 16 7 rw
read 52
read 36
read 50
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
