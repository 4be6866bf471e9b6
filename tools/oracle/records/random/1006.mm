# seed 1006, limits
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
fork P1
on P1
munlock 16 9
madvise 11 6 dodump
write 0 178 5
snap maps,pagemap,mapcount,smaps,status
mmap 22 2 rw private,fixed f0 12
write 51 151 5
write 50 102
msync 36 11 invalidate
read 36 5
read 54
write 51 182 5
snap maps,pagemap,mapcount,smaps,status
munlockall
mremap 0 8 12 -
write 39 102 7
madvise 31 8 wipeonfork
mmap 38 12 rwx private,hint f1 9
ftruncate f0 22
read 19
snap maps,pagemap,mapcount,smaps,status
madvise 37 4 dontneed_locked
mmap 64 7 rw private f0 6
msync 12 7 async,invalidate
write 2 77 3
on P0
drain
mlock 0 20
snap maps,pagemap,mapcount,smaps,status
mmap 55 1 rw shared f1
rlimit data +64
madvise 36 10 dontfork
ftruncate f1 29
write 43 184 3
mremap 42 4 4 maymove,dontunmap
mprotect 63 6 rw
snap maps,pagemap,mapcount,smaps,status
madvise 62 9 guard_remove
mmap 19 12 w private,anon,populate,nonblock,locked
mmap 55 4 rw shared,anon,fixed
mincore 14 4
mmap 41 13 rwx private,fixed f0 13
rlimit memlock 52
mlock2 15 9 -
snap maps,pagemap,mapcount,smaps,status
dropcaps
write 57 1
mmap 67 2 rw shared f0 13
mmap 47 2 r private,anon,hint
read 41
madvise 36 28 dontneed_locked
mmap 70 1 r private,anon
snap maps,pagemap,mapcount,smaps,status
write 41 181
write 37 152
read 40
ftruncate f1 2
madvise 67 3 willneed
mmap 48 14 rw private,anon
write 25 30
snap maps,pagemap,mapcount,smaps,status
mremap 0 20 5 maymove,fixed 15
brk 23
madvise 30 4 guard_remove
mmap 36 5 rw private,anon,noreserve
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
