# seed 1011, limits
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
mremap 0 4 10 maymove,fixed 20
oom_score_adj 1001
write 43 13 3
write s-5 13
munlock 8 5
msync 49 5 async,invalidate
write 44 194
snap maps,pagemap,mapcount,smaps,status
rlimit data +28
write 43 73 4
read 37
madvise 4 30 guard_remove
mmap 65 4 rw validate f0 9
mmap 35 1 rx shared,anon
mmap 48 15 r private,anon,fixed
snap maps,pagemap,mapcount,smaps,status
write 30 14
dropcaps
mmap 30 5 rw private f0
write 44 93
write 4 38
munlock 4 30
write 25 25 2
snap maps,pagemap,mapcount,smaps,status
madvise 10 10 remove
read 66
read 15
mmap 61 2 rx private,anon,fixed,populate,nonblock
munlock 48 16
fork P1
fork P2
on P2
snap maps,pagemap,mapcount,smaps,status
munlock 32 1.1
read 32
mmap 19 9 rwx private,fixed f1 13
on P1
write 24 172 10
mmap 16 13 rw private,noreserve f1
mremap 27 5 5 maymove,fixed,dontunmap 41
snap maps,pagemap,mapcount,smaps,status
mmap 24 4 rx private,anon,fixed
read 20
mmap 42 5 r private,fixed f0 20
write 23 115 5
rlimit data +84
read 38
madvise 6 9 cold
snap maps,pagemap,mapcount,smaps,status
exec @2000
mlock 40 1
rlimit memlock 12
mmap any 6 rw shared,anon
mlock 55 3
rlimit as +20
madvise 10 23 pageout
sleep 40
madvise 10 23 pageout
sleep 40
read 23
snap maps,pagemap,mapcount,smaps,status
mmap 20 15 w private,anon,fixed,locked
read 67
munmap 68 1
mlock 57 2
brk 9
rlimit stack 220
read 4
snap maps,pagemap,mapcount,smaps,status
madvise 4 43 pageout
sleep 40
write 31 144
munlockall
mlock m+2 2
mprotect 28 9 r
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
on P2
snap maps,pagemap,mapcount,kpf,smaps,status
