# seed 1003, limits
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
write 6 189
munmap 58 6
read 30
mprotect 38 15 rw
write 2 8
write 45.1 129
read 26
snap maps,pagemap,mapcount,smaps,status,kpf,lru
dropcaps
mremap 18 8 8 maymove,fixed,dontunmap 13
mmap 64 5 rw shared,anon
write 37 113
write 6 57 14
madvise 53 9 dofork
clear_refs 1
snap maps,pagemap,mapcount,smaps,status
pwrite f0 19.1 25
write 0 19
brk 23
mprotect 33 5 rw
mmap 51 5 r private,anon,fixed
munlock b+21 1
mprotect 30 13 r
snap maps,pagemap,mapcount,smaps,status
madvise 52 9 pageout
sleep 40
mremap 52 3 3 maymove,fixed,dontunmap 14
rlimit as +160
exec @2000
madvise 38 12 dontneed
mmap 2 14 r private,anon,fixed
madvise 64 6 populate_write
snap maps,pagemap,mapcount,smaps,status
munmap 47 3
brk 18
mmap 56 2 rw private,anon
mremap 50 8 11 maymove
munlockall
mmap 59 9 rw private,anon,hint
read 54
snap maps,pagemap,mapcount,smaps,status
mmap 44 15 r private,anon
write 29 47 1
read 33 4 3
madvise 42 22 pageout
sleep 40
write 60 169
mmap 5 15 rwx private,anon,fixed
munmap 0 2
mprotect 30 2 rx
snap maps,pagemap,mapcount,smaps,status
munmap 14 4
madvise 24 10 dontneed
write b+18 107 2
mprotect 24 10 rw
write b+8 155
madvise 31 1 pageout
sleep 40
write 57 181
snap maps,pagemap,mapcount,smaps,status
munlockall
mremap 18 2 1 -
mmap 59 13 rw validate,anon,fixed
madvise 65 6 willneed
brk 0
mlock2 53 8 onfault
rlimit memlock 24
snap maps,pagemap,mapcount,smaps,status
mmap 18 8 w shared,fixed f0 8
rlimit data +4
madvise 62 3 free
mlock2 3 8 -
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
