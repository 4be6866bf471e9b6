# seed 1014, limits
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
read 41.17
rlimit as +80
rlimit as +136
read 42
exec 4001
write 39 83
brk 2
snap maps,pagemap,mapcount,smaps,status
mincore 63 9
mremap 44 6 6 fixed 18
mmap 15 8 rwx private,fixed f0
mlock2 58 6 onfault
mprotect 51 8 rwxg
mlock2 50 1 -
munlockall
snap maps,pagemap,mapcount,smaps,status
fork P1
madvise 38 2 free
read 3
write 50 158
munmap 36 8
mprotect 58 6 rw
read 52 2
snap maps,pagemap,mapcount,smaps,status
punch f1 24 2
on P1
pmadvise P1 0 16 77
read 14 3
mlock2 60 4 onfault
write 5 13 4
mremap 36 8 8 maymove,fixed,dontunmap 50
snap maps,pagemap,mapcount,smaps,status
write 18 47
fork P2
madvise 60 9 random
mlock 60 7
brk 6
mremap 30 4 4 maymove,dontunmap
mmap 19 3 rw private,anon,fixed
snap maps,pagemap,mapcount,smaps,status
mprotect 0 34 -
mincore 0 34
read 43
rlimit stack 164
mmap 6 1 r private,fixed,populate,nonblock f1 8
punch f0 5 3
write 38 64 6
snap maps,pagemap,mapcount,smaps,status
exec @2000
read 52 4
mincore 24 5
on P2
write 14 63
read 57
mprotect 7 1 rw
snap maps,pagemap,mapcount,smaps,status
brk 3
mmap 12 9 rw shared f0 7
write 20 10 14
write 14 184 20
brk 7
mlock2 56 5 -
read 28
snap maps,pagemap,mapcount,smaps,status
write 29 53
madvise 30 10 mergeable
mincore 37 16
madvise 51 10 dodump
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
on P2
snap maps,pagemap,mapcount,kpf,smaps,status
