# seed 1019, files
sysctl vm/page-cluster 0
file f0 tmpfs 24
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
mprotect 36 12 rwg
punch f0 1 1
read 36
pwrite f0 8 22
mmap 36 12 w shared f1
mremap 0 20 1 -
madvise 52 5 mergeable
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
punch f1 20 1
write 26.1 90
read 37
clear_refs 3
mmap 9 5 w private f0 9
mmap 1 16 r shared,anon
ftruncate f0 9.1
snap maps,pagemap,mapcount,smaps,status
madvise 26 7 dofork
exec @2000
write 40 45
msync 52 6 sync,async
mmap 35 1 rw private,anon,hint
mremap 24 2 2 maymove,fixed 26
ftruncate f1 19
snap maps,pagemap,mapcount,smaps,status
punch f1 20 2
msync 33 8 sync,async
msync 32 13 async
read 43
madvise 51 11 populate_write
mmap 14 12 r private,anon
pwrite f1 20.1 195
snap maps,pagemap,mapcount,smaps,status
write 39 168 7
write 52 60 4
write 28 48
ftruncate f1 29
read 38
mremap 31 5 5 maymove
pwrite f1 15 20
snap maps,pagemap,mapcount,smaps,status
mprotect 10 1 rw
mmap 29 13 rw private,anon,fixed,locked
mmap 25 16 rw private,anon,fixed
brk 28
madvise 19 9 sequential
ftruncate f0 2
read 15 4
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
madvise 12 10 willneed
write 41 81 5
read 37
msync 33 4 sync,invalidate
mlock2 38 6 onfault
read 36
ftruncate f0 20
snap maps,pagemap,mapcount,smaps,status,kpf,lru
write 12 193 5 3
punch f1 13 3
madvise 48 8 willneed
write 25 101
read 23
munmap 20 3
mprotect 0 9 rx
snap maps,pagemap,mapcount,smaps,status,kpf,lru
msync 29 1 sync,async
mremap 52 4 4 maymove
read 63
exec 4000
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
