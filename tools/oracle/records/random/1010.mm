# seed 1010, limits
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
rlimit as +116
rlimit memlock 68
read 4
mremap 10 2 6 maymove
snap maps,pagemap,mapcount,smaps,status
write 54 15
write 49 102
brk 8
pwrite f1 0 34
mmap any 6 rw shared,anon
write 54 117
brk 4
snap maps,pagemap,mapcount,smaps,status
mmap 27 12 rx validate,anon
mmap 1 8 rw private,anon,fixed,growsdown
mincore m+3 1
madvise 10 10 cold
mmap 26 6 rw shared,anon,hint
mmap 20 1 rw shared,anon,growsdown
munmap 11 2
snap maps,pagemap,mapcount,smaps,status
write 50 130
madvise 48 8 dontneed
madvise m+5 1 hugepage
munlock 17 9
write 8 198
write 44 79
mprotect b+3 1 rw
snap maps,pagemap,mapcount,smaps,status
mmap 59 10 w private,anon,hint,growsdown
mremap 24 0 10 maymove,dontunmap
munlock 22 3
write 19 118 2
madvise 58 13 guard_install
brk 8
madvise 31 7 dodump
snap maps,pagemap,mapcount,smaps,status
brk 8
rlimit memlock 8
write 48 173
mmap 34 7 rw shared,anon,hint,noreserve
write 19 19
mprotect m+0 1 -
madvise 4 9 pageout
sleep 40
snap maps,pagemap,mapcount,smaps,status
mprotect 24 10 r
rlimit memlock 72
write 1 105
rlimit stack 232
madvise 36 2 dontdump
mmap 31 9 rw private,anon,fixed
mmap 29 7 r private,anon
snap maps,pagemap,mapcount,smaps,status
read 10
dropcaps
write 42 138 2
mmap 48 6 rwx validate,anon
mlock2 40 10 onfault
mlock 39 0.1
mremap 0 11 6 -
snap maps,pagemap,mapcount,smaps,status
write 2 184
mprotect b+5 3 r
write 33 182 13
mlock 68 3
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
