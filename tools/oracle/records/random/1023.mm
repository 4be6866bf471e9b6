# seed 1023, vmas
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
mmap 30 12 rwx private,fixed f1 10
mremap 48 8 8 maymove
drain
mprotect 54 10 rw
madvise 28 6 guard_remove
read 35
madvise 54 5 normal
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
mprotect 48 8 rw
clear_refs 1
mprotect 7 13 rw
madvise 47 2 cold
madvise 25 11 willneed
mremap 36 3 7 maymove
mprotect 0 20 rw
snap maps,pagemap,mapcount,smaps,status,lru
madvise 0 20 guard_install
write 29 170
mremap 51 7 7 fixed 30
mincore 11 20
fork P1
on P1
on P0
read 24
snap maps,pagemap,mapcount,smaps,status,lru
mprotect 0 5 rw
write 7 102
madvise 0 10 guard_install
mremap 24 6 8 fixed 21
mmap 27 3 rw shared,anon,fixed
madvise 24 22 dontneed
write 26 187
snap maps,pagemap,mapcount,smaps,status,lru
read 48
pwrite f0 23 178
mmap 21 9 rx private,anon
mprotect 0 20 r
mremap 58 7 10 maymove
exec 4001
mprotect 48 3 rwx
snap maps,pagemap,mapcount,smaps,status,lru
mmap 11 1 rw validate,anon,hint
write 38 162
munmap 16 1
mmap 8 2 rx private,anon,fixed
madvise 33 7 unmergeable
mmap 3 1 rw private,fixed f0 0
mremap 34 0 3 -
snap maps,pagemap,mapcount,smaps,status
mremap 19 2 2 maymove,fixed,dontunmap 61
write 26 57
write 38 71
munmap 63 4
mprotect 24 13 rw
mremap 9 8 8 maymove,fixed 46
write 28 187 9
snap maps,pagemap,mapcount,smaps,status,kpf,lru
mmap 42 10 rw private,anon,fixed,locked
mprotect 7 14 r
write 34 17
write 46 107
madvise 50 4 populate_read
mmap 23 7 rw private,fixed f1
mmap 63 1 rw shared f0
snap maps,pagemap,mapcount,smaps,status
brk 18
mincore 23 14
mremap 23 14 14 maymove,fixed 15
madvise 62 3 populate_read
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
