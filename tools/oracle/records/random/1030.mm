# seed 1030, limits
file f0 memfd 24 fill
file f1 tmpfs 24 fill
file f2 tmpfs 24 ro
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
brk 18
mmap 64 1 rw private,anon
mprotect 49 1 rx
write 42 4 4
madvise 30 6 mergeable
mprotect 58 7 r
read 16
snap maps,pagemap,mapcount,smaps,status
mprotect 17 11 rw
write 14 84
read 15
write 40 124 6
write 9 178
mremap 43 5 5 maymove,fixed,dontunmap 21
read b+1
snap maps,pagemap,mapcount,smaps,status
read 9
write 38 108 5
mmap 22 12 r private,fixed f1 4
write 9 8
madvise 32 1 guard_remove
madvise 21 13 cold
read 40
snap maps,pagemap,mapcount,smaps,status
mmap 33 14 rw private,anon,hint
brk 17
rlimit data +32
write 39 194
read 21
write 16 39 2
mlockall future,onfault
snap maps,pagemap,mapcount,smaps,status
munlock 0 20
write 53 153
mmap 20 12 r private,anon
mlock 31 3
write 14 123 6
write 43 118
madvise 5 17 pageout
sleep 40
snap maps,pagemap,mapcount,smaps,status
read 63
write b+5 53
brk 10
write 3 177
munlock 58 7
read 3
write 21 80
snap maps,pagemap,mapcount,smaps,status
madvise 38 7 populate_read
mprotect 0 11 w
write 55 18
mmap 29 15 rw private,hint,populate,noreserve f0
munlockall
brk 7
write 55 23
snap maps,pagemap,mapcount,smaps,status
read 15
mprotect 45 8 rwx
munmap 49 5
pread f2 17
fork P1
on P1
brk 17
read 8
snap maps,pagemap,mapcount,smaps,status
brk 13
write 21 91
write 44 187
madvise 54 12 dontneed
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
