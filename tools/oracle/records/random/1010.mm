# seed 1010, limits
sysctl vm/page-cluster 0
file f0 tmpfs 24
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
mmap 64 7 r private,anon
write 44 70
read 5
dropcaps
mlock 66 1
mincore 50 7
clear_refs 3
snap maps,pagemap,mapcount,smaps,status
ftruncate f0 32.1
munlock 31.1 5
rlimit as +120
write 49 102
brk 8
fork P1
mmap 41 12 rw private f0 31
snap maps,pagemap,mapcount,smaps,status,lru
write 40 26
read 1
mincore 0 20
madvise 24 10 cold
write 2 98 6 3
munlockall
mprotect 10.1 14 rwx
snap maps,pagemap,mapcount,smaps,status,lru
read b+4 6
write 19 10
mmap 26 10 rw shared,anon,hint,locked
munmap 11 2
munmap b+6 1
madvise 0 11 dontneed_locked
write 32 39 5
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
write 0 186 11
read 14
read 31
madvise 70 2 free
exec @2000
write 16 75 4
mprotect b+6 1 rw
snap maps,pagemap,mapcount,smaps,status
rlimit memlock 80
pread f0 26
mmap 35 8 rw private,noreserve,growsdown f1 11
rlimit memlock 64
madvise b+3 3 dontneed_locked
brk -1
brk 8
snap maps,pagemap,mapcount,smaps,status,kpf,lru
madvise 35 4 random
brk 8
rlimit stack 96
mprotect 68 3 rx
write 29 102
mmap any 12 rw private f0 12
mmap any 4 r private f1 15
snap maps,pagemap,mapcount,smaps,status
madvise 36 10 guard_install
read 16
mmap 57 10 rw shared,anon,fixed
ftruncate f1 14
madvise 35 2 dontdump
mmap 31 9 rw private,anon,fixed
mmap 29 7 r private,anon
snap maps,pagemap,mapcount,smaps,status,lru
madvise 13 12 keeponfork
madvise 48 8 guard_remove
read 1
read 54
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
