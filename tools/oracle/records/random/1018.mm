# seed 1018, copying
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
write 37 105
rlimit stack 180
fork P1
on P1
mlock2 36 10 -
read 29
mmap 64 4 r private,anon
snap maps,pagemap,mapcount,smaps,status
brk 26
rlimit as +96
write 39 131
mmap any 2 rw private,noreserve f0 3
write 26 58 8
read 60
pwrite f0 18 146
snap maps,pagemap,mapcount,smaps,status
mmap 31 11 rx private,anon,fixed
madvise 24 22 pageout
sleep 40
write 0 130
ftruncate f1 23.1
mmap 60 8 rw private,anon
write 30 4 6 3
mmap 30 14 rw shared,anon,noreserve
snap maps,pagemap,mapcount,smaps,status
madvise 24 22 dontneed_locked
mmap 41 14 rw shared,anon,fixed
mmap 42 7 r private,anon
fork P2
on P2
mmap 68 3 r private,anon
on P1
mmap 27 9 rw private,anon
snap maps,pagemap,mapcount,smaps,status
write 26.4095 95
munmap b+16 2
on P2
write 48 72
mprotect 67 4 rw
write 41.17 51
read 50 2
snap maps,pagemap,mapcount,smaps,status
mmap 29 12 rw private,anon,fixed
read 50 3
msync 24 32 sync,async
write 17 114 3
read 27
write 68 132 3
mremap 0 20 20 maymove,fixed,dontunmap 4
snap maps,pagemap,mapcount,smaps,status
write 27 87
mremap 60 4 6 maymove
madvise 51 2 dodump
mremap 12 7 7 maymove,fixed 40
on P0
pread f1 18
madvise 3 1 nohugepage
snap maps,pagemap,mapcount,smaps,status
mmap 55 10 r shared,anon,noreserve
read 25
write 27 5
mremap 16 4 4 maymove,dontunmap
write 5 163
on P1
mincore 61 11
snap maps,pagemap,mapcount,smaps,status
fork P3
on P3
mmap 49 9 rw private f0 13
on P1
mmap 12 9 rw private f0
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
on P2
snap maps,pagemap,mapcount,kpf,smaps,status
on P3
snap maps,pagemap,mapcount,kpf,smaps,status
