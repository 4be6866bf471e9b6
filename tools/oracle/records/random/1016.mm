# seed 1016, vmas
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
write 52 125 4
mmap 20 4 rw private f1
mremap 28 6 6 maymove,fixed,dontunmap 15
madvise 6 7 guard_remove
madvise 24 9 dofork
mmap 33 3 rw private,hint f1 20
clear_refs 3
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
mmap 50 9 r private,anon,stack
madvise 2 5 random
mprotect 55 4 rw
madvise 2 7 populate_write
drain
write 48 92 3 2
mprotect 58 2 rw
snap maps,pagemap,mapcount,smaps,status
mmap 5 11 w private f0 8
drain
mlock 0 34
write 0 127 6
write 48 126
mremap 31 2 2 maymove,fixed 63
mmap 12 8 r private,hint f1
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
munmap 0 31
mprotect 33 14 r
munmap 42 2
exec @2000
exec @2000
mprotect 54 15 rw
ftruncate f0 20
snap maps,pagemap,mapcount,smaps,status,lru
mmap 6 16 w private,anon,fixed
mprotect 58 7 rwx
mmap 23 9 rw private,anon
mmap 50 8 rw shared,anon
madvise 36 16 pageout
sleep 40
ftruncate f0 17
brk 21
snap maps,pagemap,mapcount,smaps,status
munmap 54 6
mincore 44 11
write 9 68
mremap 6 16 16 -
mprotect 38 2 rwg
mremap 16 4 4 -
munmap 36 6
snap maps,pagemap,mapcount,smaps,status
mprotect 27 2 rw
mremap 34 1 1 maymove,fixed 6
munmap 27 6
mremap 8 7 8 -
mremap 7 7 7 fixed 61
mremap 63 4 9 -
mremap 6 5 8 maymove,fixed 22
snap maps,pagemap,mapcount,smaps,status
read 61
mremap 48 6 1 fixed 33
mlock 61 7
write 29 149
mmap 39 15 - shared,anon,fixed,noreserve
write 17 172 13
mmap 55 5 r private,anon,fixed,stack
snap maps,pagemap,mapcount,smaps,status
mmap 23 10 rw shared,anon,fixed
mmap 0 9 rw private f0 9
mmap 34 5 rw shared,anon
write 30 180 9
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
